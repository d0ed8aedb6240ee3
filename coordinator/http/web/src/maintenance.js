// Maintenance windows: what is planned, what is on, and what they keep quiet.
import { get } from './api.js';
import { useNews, useStore } from './store.js';
import { Empty, Failed, html, Panel, Table, Time } from './ui.js';
import { matchText } from './silences.js';
import { zone } from './words.js';

const load = () => get('/maintenance');

const columns = [
    { name: 'Window', cell: (w) => html`<strong>${w.window.name}</strong>` },
    { name: 'For', wide: true, cell: (w) => html`<code>${matchText(w.window.match)}</code>` },
    { name: 'From', end: true, cell: (w) => html`<${Time} at=${w.next_from}/>` },
    { name: 'Until', end: true, cell: (w) => html`<${Time} at=${w.next_until}/>` },
    { name: 'Planned in', cell: (w) => w.window.zone || 'UTC' },
];

export function Maintenance() {
    useStore();
    const { data, error } = useNews('maintenance', load, (event) => event.type === 'incident');
    const on = data?.maintenance.filter((w) => w.active) || [], planned = data?.maintenance.filter((w) => !w.active) || [];
    return html`<main><h1>Maintenance</h1><${Failed} error=${error}/>
        <p class="muted">During a window nobody is told of what it matches; verdicts and incidents are kept as ever. Windows are part of the monitors file. Times below are in ${zone}.</p>
        ${data && html`
        <${Panel} title=${on.length ? `On now: ${on.length}` : 'Nothing is on now'} id="on">${on.length > 0 ? html`<${Table} label="On now" columns=${columns} rows=${on.map((w) => ({ ...w, id: w.window.name }))}/>` : html`<${Empty}>Everything alerts as usual.<//>`}<//>
        <${Panel} title="Planned" id="planned"><${Table} label="Planned" columns=${columns} rows=${planned.map((w) => ({ ...w, id: w.window.name }))} empty="No window is planned."/><//>`}
    </main>`;
}
