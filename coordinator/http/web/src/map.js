// Pictures of the way: regions and the state of the path from each to a target, and traces
// joined into one graph with the broken place marked.
import { html } from './ui.js';
import { ms, saw, shape, tone } from './words.js';

const WIDTH = 900, ROW = 46;

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
        if (!nodes.has(key)) nodes.set(key, { key, column, text, kind });
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

// Rows within a column, in the order in which they were met.
function place(nodes) {
    const rows = new Map();
    for (const n of nodes) {
        n.row = rows.get(n.column) || 0;
        rows.set(n.column, n.row + 1);
    }
    return { columns: Math.max(...nodes.map((n) => n.column)) + 1, rows: Math.max(...rows.values()) };
}

// What agents that do not watch it saw when they were asked to look.
const spared = (list) => list.map((s) => `${s.agent} (${[s.region, s.provider].filter(Boolean).join(', ')}) ${s.outcome || 'has not answered'}`).join(', ');

function Fleet({ one }) {
    return html`${one.fleet?.sentence && html`<p class="muted">In the fleet: ${one.fleet.sentence}.</p>`}
        ${one.spares?.length > 0 && html`<p class="muted">Spare agents looked too: ${spared(one.spares)}.</p>`}`;
}

export function Traces({ one }) {
    const { nodes, links } = join(one), { after, before } = one.place;
    if (!nodes.length) return html`<p class="muted">${one.place.sentence}</p><${Fleet} one=${one}/>`;
    const { columns, rows } = place(nodes), wide = 150, high = 38;
    const at = (n) => [n.column * wide + 70, n.row * high + 22], by = new Map(nodes.map((n) => [n.key, n]));
    const broken = (l) => after && by.get(l.from).text === after && (!before || by.get(l.to).text === before || by.get(l.to).kind === 'target');
    return html`<p>${one.place.sentence}</p><${Fleet} one=${one}/>
        <div class="scroll" tabIndex="0" role="region" aria-label="Traces joined"><svg class="traces" width=${columns * wide} height=${rows * high + 16} role="img" aria-label=${`Traces of ${one.traces.length} agents to ${one.host} port ${one.port}: ${one.place.sentence}`}>
            ${links.map((l) => {
                const [x1, y1] = at(by.get(l.from)), [x2, y2] = at(by.get(l.to)), bad = broken(l);
                return html`<g key=${`${l.from}${l.to}`}><line class=${bad ? 'bad' : l.now ? 'now' : 'before'} x1=${x1} y1=${y1} x2=${x2} y2=${y2} stroke-dasharray=${l.gap ? '4 4' : l.now ? null : '2 5'}/>
                    ${bad && html`<text class="cross" x=${(x1 + x2) / 2} y=${(y1 + y2) / 2 + 6} text-anchor="middle">✖</text>`}</g>`;
            })}
            ${nodes.map((n) => {
                const [x, y] = at(n), end = n.text === after || n.text === before || (one.place.kind === 'at_target' && n.kind === 'target');
                return html`<g key=${n.key} class=${end ? 'bad' : n.kind}><circle cx=${x} cy=${y} r="6"/><text x=${x} y=${y - 10} text-anchor="middle">${end ? '✖ ' : ''}${n.text.slice(0, 22)}</text></g>`;
            })}
        </svg></div>
        <p class="hint">Solid lines: as it is now; dotted: in good times; dashed: silent hops between. ✖ marks the place${one.waiting ? `; ${one.waiting} locations have not answered yet` : ''}.</p>`;
}
