// Pictures of the way: regions and the state of the path from each to a target, and traces
// joined into one graph with the broken place marked.
import { html } from './ui.js';
import { ms, saw, shape, tone } from './words.js';

const WIDTH = 900, ROW = 46, NAME = 39; // letters of a name, at most: the longest address

// One line for each region: the worst of its views.
function regions(locations) {
    const order = { bad: 0, ours: 1, unsure: 2, good: 3 }, by = new Map();
    for (const l of locations) {
        const name = l.region || l.location, state = !l.outcome ? 'unsure' : l.ok ? 'good' : tone(l.outcome) === 'ours' ? 'ours' : 'bad';
        const held = by.get(name);
        if (!held || order[state] < order[held.state]) by.set(name, { name, state, view: l });
    }
    return [...by.values()].sort((a, b) => a.name.localeCompare(b.name));
}

const marks = { good: '●', bad: '✖', ours: '◆', unsure: '○' };
const words = ({ state, view }) => (state === 'good' ? `arrives, ${ms(view.latency_ms)}${view.syn_retrans ? `, ${view.syn_retrans} SYN resent` : ''}` : view.outcome ? saw(view) : 'nothing seen yet');

export function RegionMap({ view }) {
    const list = regions(view.locations), height = Math.max(1, list.length) * ROW + 20, middle = height / 2;
    if (!list.length) return null;
    return html`<svg class="map" viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label=${`Paths to the target: ${list.map((r) => `${r.name} ${words(r)}`).join('; ')}`}>
        ${list.map((r, i) => {
            const y = i * ROW + ROW / 2 + 10, x = 170, to = WIDTH - 190;
            return html`<g key=${r.name} class=${r.state}>
                <path class="way" d=${`M${x} ${y} C ${x + 240} ${y}, ${to - 200} ${middle}, ${to} ${middle}`}/>
                <circle cx=${x} cy=${y} r="7"/>
                <text x=${x - 14} y=${y + 4} text-anchor="end" class="region">${r.name.slice(0, 22)}</text>
                <text x=${x + 18} y=${y - 7} class="what">${marks[r.state]} ${words(r)}</text></g>`;
        })}
        <g class=${tone(view.verdict)}><circle cx=${WIDTH - 178} cy=${middle} r="12"/>
            <text x=${WIDTH - 158} y=${middle - 2} class="region">${shape(view.verdict)} ${view.host.slice(0, 22)}</text>
            <text x=${WIDTH - 158} y=${middle + 14} class="what">port ${view.port}</text></g>
    </svg>`;
}

// ---- traces ----

// The ways of all traces as nodes (a hop's address at its distance) and links between.
function join(one) {
    const nodes = new Map(), links = new Map();
    const node = (key, column, text, kind) => {
        if (!nodes.has(key)) nodes.set(key, { key, column, text, kind, left: [] });
        return key;
    };
    const walk = (trace, agent, now) => {
        for (const flow of trace?.flows || []) {
            let from = node(`agent ${agent}`, 0, agent, 'agent'), gap = 0, at = 0;
            const hops = flow.hops || [], { end } = flow;
            for (const hop of end?.from && end.from !== hops.at(-1)?.from ? [...hops, end] : hops) {
                at = hop.ttl || at + 1;
                if (!hop.from) { gap += 1; continue; }
                const to = node(`${at} ${hop.from}`, at, hop.from, hop.from === end?.from && end.kind !== 'transit' ? 'target' : 'hop');
                const key = `${from}>${to}`, held = links.get(key) || { from, to, now: false, before: false, gap };
                held[now ? 'now' : 'before'] = true;
                links.set(key, held);
                from = to;
                gap = 0;
            }
        }
    };
    for (const t of one.traces) { walk(t.before, t.agent, false); walk(t.now, t.agent, true); }
    return { nodes: [...nodes.values()], links: [...links.values()] };
}

const CHAR = 7.5, GAP = 44, HIGH = 38, MARGIN = 6; // pixels: a letter, between columns, a row

// A link over several columns goes through a place of its own in each between, so that it
// passes by the nodes there.
function route(nodes, links) {
    const by = new Map(nodes.map((n) => [n.key, n]));
    for (const l of links) {
        const from = by.get(l.from), to = by.get(l.to), between = [];
        for (let column = from.column + 1; column < to.column; column++) between.push({ column, text: '', left: [] });
        l.through = [from, ...between, to];
        l.through.slice(1).forEach((n, i) => n.left.push(l.through[i]));
        nodes.push(...between);
    }
}

// Each column is as wide as its longest name; its rows are in the order of what leads to them.
function place(nodes) {
    const columns = [], mean = (n) => (n.left.length ? n.left.reduce((sum, l) => sum + l.row, 0) / n.left.length : 0);
    for (const n of nodes) (columns[n.column] ||= []).push(n);
    let x = MARGIN, rows = 1;
    for (const list of columns.filter(Boolean)) {
        const half = Math.max(MARGIN, ...list.map((n) => (n.text.slice(0, NAME).length + 2) * CHAR / 2));
        list.map((n) => [mean(n), n]).sort((a, b) => a[0] - b[0]).forEach(([, n], row) => Object.assign(n, { row, half, x: x + half, y: row * HIGH + 24 }));
        x += 2 * half + GAP;
        rows = Math.max(rows, list.length);
    }
    return { width: x - GAP + MARGIN, height: rows * HIGH + 16 };
}

// Level below the names, aslant only between the columns.
const line = (through) => through.map((n, i) => `${i ? 'L' : 'M'}${i ? n.x - n.half : n.x} ${n.y}H${i < through.length - 1 ? n.x + n.half : n.x}`).join('');
const midway = ({ through }) => { const [a, b] = through.slice(-2); return [(a.x + a.half + b.x - b.half) / 2, (a.y + b.y) / 2 + 6]; };

// What agents that do not watch it saw when they were asked to look.
const spared = (list) => list.map((s) => `${s.agent} (${[s.region, s.provider].filter(Boolean).join(', ')}) ${s.outcome || 'has not answered'}`).join(', ');

function Fleet({ one }) {
    return html`${one.fleet?.sentence && html`<p class="muted">In the fleet: ${one.fleet.sentence}.</p>`}
        ${one.spares?.length > 0 && html`<p class="muted">Spare agents looked too: ${spared(one.spares)}.</p>`}`;
}

export function Traces({ one }) {
    const { nodes, links } = join(one), { after, before } = one.place;
    if (!nodes.length) return html`<p class="muted">${one.place.sentence}</p><${Fleet} one=${one}/>`;
    const by = new Map(nodes.map((n) => [n.key, n])), named = [...nodes];
    route(nodes, links);
    const { width, height } = place(nodes);
    const broken = (l) => after && by.get(l.from).text === after && (!before || by.get(l.to).text === before || by.get(l.to).kind === 'target');
    return html`<p>${one.place.sentence}</p><${Fleet} one=${one}/>
        <div class="scroll" tabIndex="0" role="region" aria-label="Traces joined"><svg class="traces" width=${width} height=${height} role="img" aria-label=${`Traces of ${one.traces.length} agents to ${one.host} port ${one.port}: ${one.place.sentence}`}>
            ${links.map((l) => {
                const bad = broken(l), [x, y] = midway(l);
                return html`<g key=${`${l.from}${l.to}`}><path class=${`way ${bad ? 'bad' : l.now ? 'now' : 'before'}`} d=${line(l.through)} stroke-dasharray=${l.gap ? '4 4' : l.now ? null : '2 5'}/>
                    ${bad && html`<text class="cross" x=${x} y=${y} text-anchor="middle">✖</text>`}</g>`;
            })}
            ${named.map((n) => {
                const end = n.text === after || n.text === before || (one.place.kind === 'at_target' && n.kind === 'target');
                return html`<g key=${n.key} class=${end ? 'bad' : n.kind}><circle cx=${n.x} cy=${n.y} r="6"/><text class="name" x=${n.x} y=${n.y - 10} text-anchor="middle">${end ? '✖ ' : ''}${n.text.slice(0, NAME)}</text></g>`;
            })}
        </svg></div>
        <p class="hint">Solid lines: as it is now; dotted: in good times; dashed: silent hops between. ✖ marks the place${one.waiting ? `; ${one.waiting} locations have not answered yet` : ''}.</p>`;
}
