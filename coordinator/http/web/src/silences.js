import { useState } from 'preact/hooks';
import { call, get, post, segment } from './api.js';
import { may, useNews, useStore } from './store.js';
import { Act, Ask, Failed, html, lengths, Panel, Table, Time, Word } from './ui.js';
import { said } from './words.js';

const load = async () => {
    const [silences, maintenance, receivers] = await Promise.all([get('/silences'), get('/maintenance'), get('/receivers')]);
    return { ...silences, ...maintenance, ...receivers };
};

export const matchText = (match) => Object.entries(match || {}).map(([key, value]) => `${key}=${[value].flat().join('|')}`).join(' ') || 'everything';

// "team=db monitor=a|b" as the API's object.
function readMatch(text) {
    const match = {};
    for (const word of text.trim().split(/\s+/)) {
        const at = word.indexOf('=');
        if (at < 1) throw new Error(`'${word}' is not KEY=VALUE`);
        match[word.slice(0, at)] = word.slice(at + 1).split('|');
    }
    return match;
}

const silenceColumns = (again) => [
    { name: '#', cell: (s) => s.id },
    { name: 'Silenced', cell: (s) => html`<code>${matchText(s.match)}</code>` },
    { name: 'Until', end: true, cell: (s) => html`<${Time} at=${s.until}/>` },
    { name: 'By', cell: (s) => s.author.replace(/^\w+ /, '') },
    { name: 'Why', wide: true, cell: (s) => s.comment },
    { name: 'End', cell: (s) => may('operator') && html`<${Act} label=${`End ${s.id}`} run=${() => call('DELETE', `/silences/${s.id}`).then(again)}/>` },
];
const windowColumns = [
    { name: 'Window', cell: (w) => html`<strong>${w.window.name}</strong>` },
    { name: 'Now', cell: (w) => (w.active ? html`<${Word} word="draining"/>` : 'no') },
    { name: 'For', cell: (w) => html`<code>${matchText(w.window.match)}</code>` },
    { name: 'Next from', end: true, cell: (w) => html`<${Time} at=${w.next_from}/>` },
    { name: 'Until', end: true, cell: (w) => html`<${Time} at=${w.next_until}/>` },
    { name: 'Zone', cell: (w) => w.window.zone || 'UTC' },
];

function Test({ name }) {
    const [result, show] = useState(null);
    return html`<${Act} label=${`Test ${name}`} run=${async () => show(await post(`/receivers/${segment(name)}/test`))}/> ${result && html`<span role="status">${result.delivered ? 'delivered' : `${said(result.state)}: ${result.why}`}</span>`}`;
}

const receiverColumns = [
    { name: 'Receiver', cell: (r) => html`<strong>${r.receiver.name}</strong>` },
    { name: 'Kind', cell: (r) => r.receiver.kind },
    { name: 'Waiting', end: true, cell: (r) => r.waiting ?? 0 },
    { name: 'Delivered', end: true, cell: (r) => r.delivered ?? 0 },
    { name: 'Given up', end: true, cell: (r) => r.dead ?? 0 },
    { name: 'Last failure', wide: true, cell: (r) => r.why || 'none' },
    { name: 'Try', cell: (r) => may('operator') && html`<${Test} name=${r.receiver.name}/>` },
];

export function Silences() {
    useStore();
    const [asking, ask] = useState(false), close = () => ask(false);
    const { data, error, load: again } = useNews('silences', load, (event) => event.type === 'incident');
    const add = may('operator') && html`<button type="button" class="main" onClick=${() => ask(true)}>New silence</button>`;
    return html`<main><h1>Silences and receivers</h1><${Failed} error=${error}/>
        ${data && html`
        <${Panel} title="Silences" id="silences" aside=${add}><${Table} label="Silences" columns=${silenceColumns(again)} rows=${data.silences} empty="Nothing is silenced."/><//>
        <${Panel} title="Maintenance" id="maintenance"><${Table} label="Maintenance" columns=${windowColumns} rows=${data.maintenance} empty="No window is planned."/><//>
        <${Panel} title="Receivers" id="receivers"><${Table} label="Receivers" columns=${receiverColumns} rows=${data.receivers} empty="Nobody is told: no receiver is configured."/><//>`}
        ${asking && html`<${Ask} title="New silence" verb="Silence" close=${close}
            fields=${[{ name: 'match', label: 'What: KEY=VALUE …', required: true, hint: 'monitor=db or team=web severity=warning' }, { name: 'for', label: 'For', value: '1h', options: lengths }, { name: 'comment', label: 'Why', required: true }]}
            run=${({ match, ...rest }) => post('/silences', { match: readMatch(match), ...rest }).then(again)}/>`}
    </main>`;
}
