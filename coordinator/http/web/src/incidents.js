import { useState } from 'preact/hooks';
import { get, post } from './api.js';
import { Traces } from './map.js';
import { may, refresh, useNews, useStore } from './store.js';
import { Ask, Failed, html, link, Panel, Table, Time, Word, Empty } from './ui.js';
import { said, span, tone } from './words.js';

const lasted = (i) => span((new Date(i.closed || Date.now()) - new Date(i.onset || i.opened)) / 1000);

const columns = [
    { name: '#', cell: (i) => html`<a href=${link('incidents', i.id)}>${i.id}</a>` },
    { name: 'Severity', cell: (i) => html`<${Word} word=${i.severity}/>` },
    { name: 'State', cell: (i) => said(i.state) },
    { name: 'What', wide: true, cell: (i) => html`<a href=${link('incidents', i.id)}>${i.title}</a>` },
    { name: 'Monitors', end: true, cell: (i) => i.members },
    { name: 'Began', end: true, cell: (i) => html`<${Time} at=${i.onset || i.opened}/>` },
    { name: 'Lasted', end: true, cell: (i) => lasted(i) },
    { name: 'Acknowledged', cell: (i) => i.acked_by?.replace(/^\w+ /, '') || '–' },
];

export function Incidents() {
    useStore();
    const [which, choose] = useState('open');
    const { data, error } = useNews(which, () => get(`/incidents?state=${which}&limit=200`), (event) => event.type !== 'agent');
    return html`<main><h1>Incidents</h1>
        <div class="chips" role="group" aria-label="Which">${['open', 'closed', 'all'].map((word) => html`
            <button type="button" class="chip" aria-pressed=${which === word} onClick=${() => choose(word)}>${word}</button>`)}</div>
        <${Failed} error=${error}/>
        ${data && html`<${Panel} id="incident-list" title=${`${data.incidents.length} ${which === 'all' ? '' : which}`}>
            <${Table} label="Incidents" columns=${columns} rows=${data.incidents} empty="None."/><//>`}</main>`;
}

const members = [
    { name: 'Monitor', cell: (m) => html`<a href=${link('monitors', m.name)}>${m.name}</a>` },
    { name: 'Joined', end: true, cell: (m) => html`<${Time} at=${m.joined}/>` },
    { name: 'Recovered', end: true, cell: (m) => html`<${Time} at=${m.left}/>` },
];
const notices = [
    { name: 'Receiver', cell: (n) => n.receiver },
    { name: 'Told', cell: (n) => said(n.event) },
    { name: 'State', cell: (n) => said(n.state) },
    { name: 'At', end: true, cell: (n) => html`<${Time} at=${n.last || n.created}/>` },
    { name: 'Attempts', end: true, cell: (n) => n.attempts },
    { name: 'Why', wide: true, cell: (n) => n.why || '–' },
];

function Buttons({ incident, again }) {
    const [asking, ask] = useState(null), close = () => ask(null);
    if (!may('operator')) return null;
    const path = `/incidents/${incident.id}`, done = async () => { await again(); await refresh(); };
    return html`<div class="row">
        ${!incident.acked && !incident.closed && html`<button type="button" class="main" onClick=${() => ask('ack')}>Acknowledge</button>`}
        <button type="button" onClick=${() => ask('note')}>Add a note</button>
        ${asking === 'ack' && html`<${Ask} title=${`Acknowledge incident ${incident.id}`} verb="Acknowledge" close=${close} fields=${[{ name: 'text', label: 'What are you doing about it?' }]}
            run=${({ text }) => post(`${path}/ack`, text ? { text } : {}).then(done)}/>`}
        ${asking === 'note' && html`<${Ask} title="Add a note" verb="Add" close=${close} fields=${[{ name: 'text', label: 'Note', required: true }]}
            run=${({ text }) => post(`${path}/notes`, { text }).then(done)}/>`}</div>`;
}

export function Incident({ id }) {
    useStore();
    const { data, error, load } = useNews(id, () => get(`/incidents/${id}`), (event) => event.type === 'incident' || event.type === 'fault');
    if (!data) return html`<main><${Failed} error=${error}/>${!error && html`<${Empty}>Reading…<//>`}</main>`;
    return html`<main>
        <nav class="crumbs" aria-label="Path"><a href="#/incidents">Incidents</a> › ${id}</nav>
        <section class=${`verdict-box ${data.closed ? 'good' : tone(data.severity)}`}><div class="head"><h1>${data.title}</h1><${Word} word=${data.severity} big/></div>
            <p class="sentence">${data.sentence}</p>
            <p class="muted">${said(data.state)} · began <${Time} at=${data.onset || data.opened}/> · ${data.closed ? 'lasted' : 'for'} ${lasted(data)}
                ${data.acked_by && html` · acknowledged by ${data.acked_by.replace(/^\w+ /, '')}`}${data.muted_by && ` · muted by ${data.muted_by}`}
                ${data.returned > 0 && ` · came back ${data.returned} times`}${data.merged_into > 0 && html` · part of <a href=${link('incidents', data.merged_into)}>incident ${data.merged_into}</a>`}</p>
            <${Buttons} incident=${data} again=${load}/></section>
        <${Panel} title="Timeline" id="timeline"><ol class="history">${data.timeline.map((e, i) => html`<li key=${i}><${Time} at=${e.at}/> <strong>${said(e.what)}</strong> <span>${e.who && `${e.who.replace(/^\w+ /, '')}: `}${e.text}</span></li>`)}</ol><//>
        ${data.places.length > 0 && html`<${Panel} title="Where it broke" id="places">
            ${data.places.map((one) => html`<div key=${one.at}><h3><${Time} at=${one.at}/></h3><${Traces} one=${one}/></div>`)}<//>`}
        <${Panel} title="Monitors" id="members"><${Table} label="Monitors" columns=${members} rows=${data.monitors} empty="None."/><//>
        <${Panel} title="Who was told" id="notices"><${Table} label="Notices" columns=${notices} rows=${data.notices} empty="Nobody: no route matches, or nothing was announced."/><//>
    </main>`;
}
