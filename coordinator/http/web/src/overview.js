// Is anything broken, and whose fault: open faults first, then every monitor.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useStore } from './store.js';
import { html, Labels, link, Time, useKeys, Word, Empty } from './ui.js';
import { rank, said, shape, tone, whose } from './words.js';

const ROW = 36, GROUP = 34, SPARE = 8;

function headline({ overview, monitors }) {
    const n = { bad: 0, warn: 0, ours: 0, unsure: 0, good: 0 };
    for (const m of monitors) if (m.verdict !== 'paused') n[tone(m.verdict)] += 1;
    const ours = overview.faults.filter((f) => tone(f.class) === 'ours').length;
    const parts = [];
    if (n.bad) parts.push(['bad', `${n.bad} down`]);
    if (n.warn) parts.push(['warn', `${n.warn} up, but not well from everywhere`]);
    if (ours || n.ours) parts.push(['ours', ours ? `${ours} fault${ours > 1 ? 's' : ''} of our own` : `${n.ours} out of our sight`]);
    if (n.unsure) parts.push(['unsure', `${n.unsure} not known`]);
    if (!monitors.length) return [['unsure', 'Nothing is watched yet']];
    return parts.length ? parts : [['good', `Everything is up: ${n.good} of ${n.good}`]];
}

// An incident speaks of the same thing as a fault if it names the same entity.
function Fault({ fault, incident }) {
    return html`<li class=${`fault ${tone(fault.class)}`}>
        <div class="head"><${Word} word=${fault.class}/><strong>${fault.entity}</strong>
            <span class="muted">fault of ${whose(fault.class)}</span>
            <span class="muted">for <${Time} at=${fault.since} ago/></span>
            ${fault.n_monitors > 1 && html`<span class="muted">${fault.n_monitors} monitors</span>`}
            ${incident && html`<a href=${link('incidents', incident.id)}>incident ${incident.id}: ${incident.state}${incident.acked_by ? `, ${incident.acked_by.replace(/^\w+ /, '')}` : ''}</a>`}
        </div><p>${fault.sentence}</p></li>`;
}

function Faults({ faults, incidents }) {
    const rows = [...faults].sort((a, b) => rank(a.class) - rank(b.class) || b.n_monitors - a.n_monitors);
    if (!rows.length) return null;
    return html`<ul class="faults" aria-label="Open faults" aria-live="polite">${rows.slice(0, 20).map((fault) => html`
        <${Fault} key=${fault.id} fault=${fault} incident=${incidents.find((i) => i.entity === fault.entity && i.kind === fault.class)}/>`)}
        ${rows.length > 20 && html`<li class="muted">and ${rows.length - 20} more</li>`}</ul>`;
}

function matches(monitor, words) {
    const text = `${monitor.name} ${monitor.host}:${monitor.port} ${said(monitor.verdict)} ${Object.entries(monitor.labels || {}).map(([k, v]) => `${k}=${v}`).join(' ')}`.toLowerCase();
    return words.every((word) => text.includes(word));
}

// The list as lines: group heads and monitors, each with its place.
function layOut(monitors, { search, only, group }) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean), groups = new Map();
    for (const m of monitors) {
        if (only && m.verdict !== only) continue;
        if (words.length && !matches(m, words)) continue;
        const key = group === 'state' ? said(m.verdict) : group ? `${group}=${m.labels?.[group] ?? '–'}` : '';
        if (!groups.has(key)) groups.set(key, []);
        groups.get(key).push(m);
    }
    const lines = [];
    let at = 0;
    const worst = (list) => Math.min(...list.map((m) => rank(m.verdict)).slice(0, 1));
    for (const list of groups.values()) list.sort((a, b) => rank(a.verdict) - rank(b.verdict) || (a.name < b.name ? -1 : 1));
    for (const [key, list] of [...groups].sort((a, b) => worst(a[1]) - worst(b[1]) || (a[0] < b[0] ? -1 : 1))) {
        if (key) { lines.push({ at, head: key, n: list.length }); at += GROUP; }
        for (const monitor of list) { lines.push({ at, monitor }); at += ROW; }
    }
    return { lines, height: at, n: lines.filter((l) => l.monitor).length };
}

// Only the lines in the window are in the page, whatever their number.
function useWindow(box, height) {
    const [range, setRange] = useState([0, 1200]);
    useEffect(() => {
        const look = () => {
            const top = box.current ? -box.current.getBoundingClientRect().top : 0;
            setRange([Math.max(0, top), Math.max(0, top) + innerHeight]);
        };
        look();
        addEventListener('scroll', look, { passive: true });
        addEventListener('resize', look);
        return () => { removeEventListener('scroll', look); removeEventListener('resize', look); };
    }, [height]);
    return range;
}

function firstAt(lines, y) {
    let low = 0, high = lines.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (lines[middle].at + ROW < y) low = middle + 1; else high = middle;
    }
    return low;
}

function List({ laid, chosen }) {
    const box = useRef(null), [top, bottom] = useWindow(box, laid.height);
    const from = Math.max(0, firstAt(laid.lines, top) - SPARE), to = Math.min(laid.lines.length, firstAt(laid.lines, bottom) + SPARE);
    useEffect(() => {
        if (chosen < 0) return;
        const line = laid.lines.filter((l) => l.monitor)[chosen];
        const y = box.current.getBoundingClientRect().top + line.at;
        if (y < 120 || y > innerHeight - 80) scrollBy(0, y - innerHeight / 2);
    }, [chosen]);
    const picked = chosen >= 0 ? laid.lines.filter((l) => l.monitor)[chosen]?.monitor.name : null;
    return html`<ul class="monitors" ref=${box} style=${{ height: `${laid.height}px` }} aria-label="Monitors">
        ${laid.lines.slice(from, to).map((line) => (line.head
        ? html`<li key=${`g ${line.head}`} class="group" style=${{ top: `${line.at}px` }}><span>${line.head}</span> <span class="muted">${line.n}</span></li>`
        : html`<li key=${line.monitor.name} class=${picked === line.monitor.name ? 'chosen' : ''} style=${{ top: `${line.at}px` }}><${Row} monitor=${line.monitor}/></li>`))}
    </ul>`;
}

const Row = ({ monitor: m }) => html`<a href=${link('monitors', m.name)}>
    <span class=${`dot ${tone(m.verdict)}`} aria-hidden="true">${shape(m.verdict)}</span>
    <span class="name">${m.name}</span><span class=${`verdict ${tone(m.verdict)}`}>${said(m.verdict)}</span>
    <span class="why">${m.sentence || `${m.host}:${m.port}`}</span>
    <span class="labels"><${Labels} labels=${m.labels}/></span>
    <span class="since"><${Time} at=${m.since} ago/></span></a>`;

function useFilters() {
    const [filters, set] = useState({ search: '', only: '', group: '' });
    return [filters, (part) => set((was) => ({ ...was, ...part }))];
}

export function Overview() {
    const store = useStore(), [filters, filter] = useFilters(), [chosen, choose] = useState(-1);
    const { overview, monitors } = store, search = useRef(null);
    const laid = useMemo(() => layOut(monitors, filters), [overview, store.news, filters]);
    const keys = useMemo(() => [...new Set(monitors.flatMap((m) => Object.keys(m.labels || {})))].sort(), [overview]);
    const step = (n) => () => choose((was) => Math.max(0, Math.min(laid.n - 1, was + n)));
    useKeys({
        '/': () => search.current.focus(), j: step(1), k: step(-1), ArrowDown: step(1), ArrowUp: step(-1),
        Enter: (event) => {
            if (chosen < 0 || event.target.closest('a, button')) return false;
            location.hash = link('monitors', laid.lines.filter((l) => l.monitor)[chosen].monitor.name);
            return true;
        },
        Escape: () => { filter({ search: '', only: '' }); choose(-1); search.current.blur(); },
    });
    if (!overview) return html`<main><${Empty}>Reading…<//></main>`;
    const { total, ...counts } = overview.summary;
    return html`<main>
        <h1 class="answer" aria-live="polite">${headline(store).map(([t, text]) => html`<span class=${t}>${text}</span>`)}</h1>
        <${Faults} faults=${overview.faults} incidents=${store.incidents}/>
        <div class="tools" role="search">
            <input type="search" ref=${search} value=${filters.search} placeholder="Search names, hosts, labels  ( / )" aria-label="Search monitors"
                onInput=${(event) => { filter({ search: event.target.value }); choose(-1); }}/>
            <div class="chips" role="group" aria-label="Show only">
                ${Object.entries(counts).map(([word, n]) => html`<button type="button" key=${word} class=${`chip ${tone(word)}`} aria-pressed=${filters.only === word}
                    onClick=${() => filter({ only: filters.only === word ? '' : word })}>${shape(word)} ${n} ${said(word)}</button>`)}
            </div>
            <label class="by">Group by <select value=${filters.group} onChange=${(event) => filter({ group: event.target.value })}>
                <option value="">nothing</option><option value="state">state</option>${keys.map((key) => html`<option value=${key}>${key}</option>`)}</select></label>
        </div>
        ${laid.n ? html`<${List} laid=${laid} chosen=${chosen}/>` : html`<${Empty}>${total ? 'No monitor matches.' : 'Apply a file of monitors: parallax apply -f monitors.yaml'}<//>`}
        <p class="hint">${laid.n} of ${total} monitors · keys: <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> open, <kbd>Esc</kbd> all</p>
    </main>`;
}
