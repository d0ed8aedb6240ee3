// Rollups over time: a strip of outcomes by agent, and a chart of latencies with a band up
// to the 90th percentile and the loss beneath.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { html, Empty, Table } from './ui.js';
import { ms, said, tone, when } from './words.js';

const WIDTH = 1220, LINE = 20, NAMES = 150;

// gather ROLLUPS: {times, step, agents: [{name, region, rows by time}]}, agents by name.
export function gather(rollups) {
    const { step_s: step } = rollups, agents = new Map();
    for (const a of rollups.agents)
        agents.set(a.id, { name: a.name || `agent ${a.id}, removed`, region: a.region, rows: new Map() });
    const first = Math.floor(Date.parse(rollups.since) / 1000 / step) * step;
    const last = Date.parse(rollups.until) / 1000, times = [];
    for (let t = first; t < last; t += step) times.push(t);
    for (const row of rollups.rows) agents.get(row.agent).rows.set(Math.round(Date.parse(row.at) / 1000), row);
    return { times, step, agents: [...agents.values()].sort((a, b) => a.name.localeCompare(b.name)) };
}

const percent = (share) => `${+(share * 100).toPrecision(2)} %`;
const outcomesOf = (row) => Object.entries(row.outcomes).map(([word, n]) => `${n} ${said(word)}`).join(', ');

// A step's tone: all as expected, some not, none; or only our own trouble.
function toneOf(row) {
    if (!row) return 'none';
    if (!row.probes) return 'ours';
    if (!row.failed) return 'good';
    return row.failed >= row.probes ? 'bad' : 'unsure';
}

export function Strip({ past }) {
    const { times, agents } = past, wide = (WIDTH - NAMES) / Math.max(1, times.length);
    if (!agents.length) return null;
    return html`<svg class="strip" viewBox=${`0 0 ${WIDTH} ${agents.length * LINE}`} role="img" aria-label="Outcomes by agent over time">
        ${agents.map((agent, row) => html`<text key=${agent.name} x="0" y=${row * LINE + 14}>${agent.name.slice(0, 22)}</text>
            ${times.map((t, i) => {
                const r = agent.rows.get(t), text = r ? `${outcomesOf(r)}${r.loss ? `, loss ${percent(r.loss)}` : ''}` : 'no data';
                return html`<rect class=${toneOf(r)} x=${NAMES + i * wide} y=${row * LINE + 2} width=${Math.max(wide - (wide > 3 ? 1 : 0), 0.5)} height=${LINE - 4}><title>${when(new Date(t * 1000).toISOString())}: ${text}</title></rect>`;
            })}`)}
    </svg>`;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Columns for uPlot: the times; for each agent its median and 90th percentile; the loss of
// the step's worst agent.
function columns({ times, agents }) {
    const value = (agent, t, key) => agent.rows.get(t)?.latency_ms?.[key] ?? null;
    const worst = (t) => Math.max(0, ...agents.map((a) => a.rows.get(t)?.loss || 0));
    return [times,
        ...agents.flatMap((a) => [times.map((t) => value(a, t, 'p50')), times.map((t) => value(a, t, 'p90'))]),
        times.map((t) => worst(t) * 100 || null)];
}

// Loss is a band behind the lines, as dark as it is high, from the bottom to the top.
function drawLoss(plot) {
    const { ctx, bbox } = plot, loss = plot.data.at(-1), times = plot.data[0];
    const wide = times.length > 1 ? plot.valToPos(times[1], 'x', true) - plot.valToPos(times[0], 'x', true) : bbox.width;
    ctx.save();
    ctx.fillStyle = style('--bad-fill');
    loss.forEach((share, i) => {
        if (!share) return;
        ctx.globalAlpha = Math.min(0.6, 0.12 + share / 60);
        ctx.fillRect(plot.valToPos(times[i], 'x', true), bbox.top, wide, bbox.height);
    });
    ctx.restore();
}

function options({ agents, step }, width) {
    const axis = { stroke: style('--muted'), grid: { stroke: style('--line'), width: 1 }, ticks: { stroke: style('--line') }, font: '12px system-ui, sans-serif' };
    const stamp = (t) => (t == null ? '–' : new Date(t * 1000).toLocaleString([], { ...(step >= 3600 ? { month: 'short', day: 'numeric' } : {}), hour: '2-digit', minute: '2-digit', hour12: false }));
    const colour = (i) => style(`--series-${(i % 8) + 1}`);
    return {
        width, height: 220, cursor: { drag: { x: false, y: false } },
        axes: [{ ...axis, values: (_, ticks) => ticks.map(stamp) },
            { ...axis, size: 76, values: (_, ticks) => ticks.map((t) => `${+t.toPrecision(3)} ms`) }],
        scales: { y: { range: (_, low, high) => [0, (high || 1) * 1.15] }, loss: { range: [0, 100] } },
        series: [{ label: 'Time', value: (_, t) => stamp(t) },
            ...agents.flatMap((agent, i) => [
                { label: agent.name, stroke: colour(i), width: 1.6, points: { size: 5 }, value: (_, v) => ms(v) },
                { label: '90 %', stroke: `${colour(i)}66`, width: 1, dash: [3, 3], points: { show: false }, value: (_, v) => ms(v) }]),
            { label: 'Loss, worst', scale: 'loss', show: true, paths: () => null, points: { show: false }, value: (_, v) => (v == null ? 'none' : `${+v.toPrecision(2)} %`) }],
        bands: agents.map((_, i) => ({ series: [2 * i + 2, 2 * i + 1], fill: `${colour(i)}22` })),
        hooks: { drawClear: [drawLoss] },
    };
}

export function Latency({ past }) {
    const box = useRef(null), any = past.agents.some((a) => a.rows.size);
    useEffect(() => {
        if (!box.current || !any) return undefined;
        const dark = matchMedia('(prefers-color-scheme: dark)');
        let plot;
        const draw = () => {
            plot?.destroy();
            plot = new uPlot(options(past, box.current.clientWidth), columns(past), box.current);
        };
        const fit = new ResizeObserver(() => plot?.setSize({ width: box.current.clientWidth, height: 220 }));
        draw();
        fit.observe(box.current);
        dark.addEventListener('change', draw);
        return () => { fit.disconnect(); dark.removeEventListener('change', draw); plot.destroy(); };
    }, [past]);
    if (!any) return html`<${Empty}>No results in this span.<//>`;
    return html`<div class="chart" ref=${box} role="img" aria-label="Latency by agent over time, with loss"></div>
        <p class="hint">Lines are medians, dotted ones 90th percentiles; shaded where SYNs had to be sent again.</p>`;
}

// What kinds of outcomes there were, by agent.
export function Kinds({ past }) {
    const total = (agent) => {
        const sum = {}; let probes = 0, failed = 0, extra = 0;
        for (const row of agent.rows.values()) {
            for (const [word, n] of Object.entries(row.outcomes)) sum[word] = (sum[word] || 0) + n;
            probes += row.probes; failed += row.failed; extra += row.extra;
        }
        return { name: agent.name, sum, probes, failed, extra };
    };
    const rows = past.agents.map(total), kinds = [...new Set(rows.flatMap((r) => Object.keys(r.sum)))];
    const cells = [
        { name: 'Agent', cell: (r) => r.name },
        ...kinds.map((kind) => ({ name: said(kind), end: true, cell: (r) => html`<span class=${r.sum[kind] ? tone(kind) : 'muted'}>${r.sum[kind] || 0}</span>` })),
        { name: 'As expected', end: true, cell: (r) => (r.probes ? percent((r.probes - r.failed) / r.probes) : '–') },
        { name: 'Retries', end: true, cell: (r) => r.extra },
    ];
    return html`<${Table} label="Outcome kinds" columns=${cells} rows=${rows} empty="No results in this span."/>`;
}
