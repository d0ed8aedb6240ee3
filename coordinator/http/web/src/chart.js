// Results over time: a strip of outcomes and a chart of latencies, one line an agent.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { html, Empty } from './ui.js';
import { ms, tone, said } from './words.js';

const SLOTS = 90, WIDTH = 1220, LINE = 20, NAMES = 150;
const unit = { m: 60, h: 3600, d: 86400 };
const seconds = (text) => Number.parseInt(text, 10) * unit[text.at(-1)];
const wanted = { refused: ['refused'], filtered: ['timeout', 'unreachable'], closed: ['refused', 'timeout', 'unreachable'] };

// The worst tone of a slot, by what the monitor expects.
function toneOf(line, expect) {
    const mark = tone(line.outcome);
    if (mark === 'ours' || mark === 'unsure') return mark;
    return (wanted[expect] || ['open']).includes(line.outcome) ? 'good' : 'bad';
}
const order = ['good', 'unsure', 'ours', 'bad'];

function slots(lines, agent, since, expect, now) {
    const length = seconds(since), list = Array(SLOTS).fill(null);
    for (const line of lines) {
        const slot = Math.floor(((line.at - now + length) / length) * SLOTS);
        if (line.agent !== agent || slot < 0 || slot >= SLOTS) continue;
        const mark = toneOf(line, expect), held = list[slot];
        if (!held || order.indexOf(mark) > order.indexOf(held.mark)) list[slot] = { mark, outcome: line.outcome };
    }
    return list;
}

export function Strip({ lines, agents, since, ok }) {
    const now = Date.now() / 1000, wide = (WIDTH - NAMES) / SLOTS;
    if (!agents.length) return null;
    return html`<svg class="strip" viewBox=${`0 0 ${WIDTH} ${agents.length * LINE}`} role="img" aria-label=${`Outcomes by agent over the last ${since}`}>
        ${agents.map((agent, row) => html`<text key=${agent} x="0" y=${row * LINE + 14}>${agent.slice(0, 22)}</text>
            ${slots(lines, agent, since, ok, now).map((slot, i) => html`<rect class=${slot ? slot.mark : 'none'} x=${NAMES + i * wide} y=${row * LINE + 2} width=${wide - 1} height=${LINE - 4}><title>${slot ? said(slot.outcome) : 'no data'}</title></rect>`)}`)}
    </svg>`;
}

// Times of all agents on one axis; null where an agent has nothing.
function joined(lines, agents) {
    const times = [...new Set(lines.map((l) => l.at))].sort((a, b) => a - b);
    const place = new Map(times.map((t, i) => [t, i]));
    const rows = agents.map(() => Array(times.length).fill(undefined));
    for (const line of lines) {
        const row = rows[agents.indexOf(line.agent)];
        if (row) row[place.get(line.at)] = line.outcome === 'open' && line.rtt_us ? line.rtt_us / 1000 : null;
    }
    return [times, ...rows];
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(agents, width) {
    const axis = { stroke: style('--muted'), grid: { stroke: style('--line'), width: 1 }, ticks: { stroke: style('--line') }, font: '12px system-ui, sans-serif' };
    return {
        width, height: 220, cursor: { drag: { x: false, y: false } },
        axes: [{ ...axis, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })) },
            { ...axis, size: 76, values: (_, ticks) => ticks.map((t) => `${+t.toPrecision(3)} ms`) }],
        scales: { y: { range: (_, low, high) => [0, (high || 1) * 1.15] } },
        series: [{ label: 'Time', value: (_, t) => (t == null ? '–' : new Date(t * 1000).toLocaleTimeString([], { hour12: false })) },
            ...agents.map((agent, i) => ({ label: agent, stroke: style(`--series-${(i % 8) + 1}`), width: 1.6, spanGaps: false, points: { show: false }, value: (_, v) => ms(v) }))],
    };
}

export function Latency({ lines, agents }) {
    const box = useRef(null);
    useEffect(() => {
        if (!box.current || !lines.length) return undefined;
        const dark = matchMedia('(prefers-color-scheme: dark)');
        let plot;
        const draw = () => {
            plot?.destroy();
            plot = new uPlot(options(agents, box.current.clientWidth), joined(lines, agents), box.current);
        };
        const fit = new ResizeObserver(() => plot?.setSize({ width: box.current.clientWidth, height: 220 }));
        draw();
        fit.observe(box.current);
        dark.addEventListener('change', draw);
        return () => { fit.disconnect(); dark.removeEventListener('change', draw); plot.destroy(); };
    }, [lines, agents.join()]);
    if (!lines.length) return html`<${Empty}>No results in this span.<//>`;
    return html`<div class="chart" ref=${box} role="img" aria-label="Latency by agent over time"></div>`;
}
