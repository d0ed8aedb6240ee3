import { get } from './api.js';
import { useNews, useStore } from './store.js';
import { Failed, html, Labels, Panel, Table, Time, Word, Empty } from './ui.js';
import { bytes, ms, span } from './words.js';

const columns = [
    { name: 'Agent', cell: (a) => html`<strong>${a.name}</strong>` },
    { name: 'Region', cell: (a) => a.region },
    { name: 'State', cell: (a) => html`<${Word} word=${a.state}/>` },
    { name: 'Heard', end: true, cell: (a) => html`<${Time} at=${a.heard} ago/>` },
    { name: 'Monitors', end: true, cell: (a) => a.monitors },
    { name: 'Loop lag', end: true, cell: (a) => `${a.lag_ms} ms` },
    { name: 'Spool', end: true, cell: (a) => (a.spool_rows ? `${a.spool_rows} (${bytes(a.spool_bytes)}, ${span(a.spool_age_s)})` : 'empty') },
    { name: 'Clock', end: true, cell: (a) => `${a.clock_offset_ms > 0 ? '+' : ''}${a.clock_offset_ms.toFixed(1)} ms` },
    { name: 'Round trip', end: true, cell: (a) => ms(a.rtt_ms) },
    { name: 'Probes', end: true, cell: (a) => a.probes.toLocaleString() },
    { name: 'Version', cell: (a) => a.software || '–' },
    { name: 'Up', end: true, cell: (a) => span(a.uptime_s) },
    { name: 'Labels', cell: (a) => html`<${Labels} labels=${a.labels}/>` },
    { name: 'Troubles', wide: true, cell: (a) => (a.troubles.length ? html`<span class="bad">${a.troubles.join('; ')}</span>` : 'none') },
];

export function Agents() {
    useStore();
    const { data, error } = useNews('agents', () => get('/agents'), (event) => event.type !== 'verdict');
    const live = data?.agents.filter((a) => a.state === 'live').length;
    return html`<main><h1>Agents</h1><${Failed} error=${error}/>
        ${!data ? html`<${Empty}>Reading…<//>` : html`<${Panel} id="all-agents" title=${`${live} of ${data.agents.filter((a) => a.state !== 'revoked').length} live`}>
            <${Table} label="Agents" columns=${columns} rows=${data.agents} empty="No agent is enrolled: parallax agents token create --region NAME"/><//>`}</main>`;
}
