// One monitor: the verdict with its reasons, who sees what, latency, and what to do.
import { useState } from 'preact/hooks';
import { get, post, segment } from './api.js';
import { gather, Kinds, Latency, Strip } from './chart.js';
import { RegionMap, Traces } from './map.js';
import { may, refresh, useNews, useStore } from './store.js';
import { Act, Ask, Failed, html, Labels, lengths, link, Panel, Table, Time, Word, Empty } from './ui.js';
import { inOdds, ms, saw, span, tone, when, whose } from './words.js';

const SPANS = [['1h', '1 hour'], ['6h', '6 hours'], ['24h', '1 day'], ['7d', '1 week'], ['30d', '30 days'], ['90d', '90 days']];

const columns = [
    { name: 'Location', cell: (l) => html`<strong>${l.location}</strong>` },
    { name: 'Agent', cell: (l) => (l.agent ? html`<a href=${link('agents')}>${l.agent}</a>` : '–') },
    { name: 'Saw', cell: (l) => (l.outcome ? html`<span class=${`word ${l.ok ? 'good' : 'bad'}`}>${l.ok ? '●' : '✖'} ${saw(l)}</span>` : html`<span class="muted">nothing yet</span>`) },
    { name: 'Latency', end: true, cell: (l) => ms(l.latency_ms) },
    { name: 'Age', end: true, cell: (l) => (l.age_s == null ? '–' : span(l.age_s)) },
    { name: 'In a row', end: true, cell: (l) => l.run ?? '–' },
    { name: 'From', cell: (l) => l.icmp_from || l.address || '–' },
    { name: 'Believed', wide: true, cell: (l) => l.belief_text },
];

// The open incidents that this monitor is a member of.
async function incidentsOf(name) {
    const { incidents } = await get('/incidents?state=open&limit=20');
    const whole = await Promise.all(incidents.map((i) => get(`/incidents/${i.id}`)));
    return whole.filter((i) => i.monitors.some((m) => m.name === name && !m.left));
}

const load = async (name) => {
    const [view, incidents] = await Promise.all([get(`/monitors/${segment(name)}/explain`), incidentsOf(name)]);
    return { view, incidents };
};

const rollups = async (name, since) => gather(await get(`/monitors/${segment(name)}/rollups?since=${since}&limit=1500`));

// How well it was reached, over the usual times.
const WINDOWS = [['24h', '1 day'], ['168h', '7 days'], ['720h', '30 days'], ['2160h', '90 days']];
const uptimes = (name) => Promise.all(WINDOWS.map(async ([since, text]) => ({ text, ...(await get(`/monitors/${segment(name)}/uptime?since=${since}`)).monitors[0] })));
const ratio = (v) => (v == null ? '–' : `${(v * 100).toFixed(3)} %`);
const uptimeColumns = [
    { name: 'Over', cell: (u) => html`<strong>${u.text}</strong>` },
    { name: 'Availability', end: true, cell: (u) => ratio(u.availability) },
    { name: 'Down', end: true, cell: (u) => span(u.down_s) },
    { name: 'Not known', end: true, cell: (u) => span(u.unknown_s) },
    { name: 'Our coverage', end: true, cell: (u) => ratio(u.coverage) },
    { name: 'Reached from', wide: true, cell: (u) => u.reachability.map((r) => `${r.location} ${ratio(r.ratio)}`).join(', ') },
    { name: 'Objective', cell: (u) => (u.slo ? `${ratio(u.slo.target)}, ${(u.slo.left * 100).toFixed(0)} % of its budget left` : '–') },
];

function Buttons({ name, view, incidents, again }) {
    const [asking, ask] = useState(null), close = () => ask(null);
    if (!may('operator')) return null;
    const paused = view.verdict === 'paused', open = incidents.filter((i) => !i.acked);
    const done = async () => { await again(); await refresh(); };
    return html`<div class="row">
        ${open.map((i) => html`<button type="button" class="main" onClick=${() => ask({ ack: i.id })}>Acknowledge incident ${i.id}</button>`)}
        <button type="button" onClick=${() => ask({ silence: true })}>Silence</button>
        <${Act} label=${paused ? 'Resume' : 'Pause'} run=${() => post(`/monitors/${segment(name)}/${paused ? 'resume' : 'pause'}`).then(done)}/>
        <a class="button" href=${`#/check/${encodeURIComponent(`${view.host.includes(':') ? `[${view.host}]` : view.host}:${view.port}`)}`}>Check now</a>
        ${asking?.ack && html`<${Ask} title=${`Acknowledge incident ${asking.ack}`} verb="Acknowledge" close=${close}
            fields=${[{ name: 'text', label: 'What are you doing about it?' }]}
            run=${({ text }) => post(`/incidents/${asking.ack}/ack`, text ? { text } : {}).then(done)}/>`}
        ${asking?.silence && html`<${Ask} title=${`Silence ${name}`} verb="Silence" close=${close}
            fields=${[{ name: 'for', label: 'For', value: '1h', options: lengths }, { name: 'comment', label: 'Why', required: true }]}
            run=${(values) => post('/silences', { match: { monitor: name }, ...values }).then(done)}/>`}
    </div>`;
}

function Verdict({ name, view, incidents, again }) {
    return html`<section class=${`verdict-box ${tone(view.verdict)}`}>
        <div class="head"><h1>${name}</h1><${Word} word=${view.verdict} big/></div>
        <p class="sentence" aria-live="polite">${view.sentence}</p>
        <p class="muted">${view.host}:${view.port} · for <${Time} at=${view.since} ago/> (since ${when(view.since)})
            · confidence ${(view.confidence * 100).toFixed(0)} % · ${view.coverage.fresh} of ${view.coverage.assigned} views fresh
            ${view.latency_ms != null && ` · ${ms(view.latency_ms)}`}
            ${view.loss.estimate > 0.005 && ` · loss ${(view.loss.estimate * 100).toFixed(1)} %`}</p>
        <p><${Labels} labels=${view.labels}/></p>
        ${view.runner_up && html`<p class="muted">The next best story: ${inOdds(view.runner_up)}</p>`}
        ${view.covering_faults.map((f) => html`<p key=${f.id}><${Word} word=${f.class}/> <strong>${f.entity}</strong>${f.sentence === view.sentence ? '' : `: ${f.sentence}`} <span class="muted">Fault of ${whose(f.class)}.</span></p>`)}
        ${incidents.map((i) => html`<p key=${i.id}><a href=${link('incidents', i.id)}>Incident ${i.id}</a> is ${i.state}${i.acked_by ? `, acknowledged by ${i.acked_by.replace(/^\w+ /, '')}` : ''}${i.muted_by ? `, muted by ${i.muted_by}` : ''}.</p>`)}
        ${view.monitor.runbook && html`<p>Runbook: ${/^https?:\/\//.test(view.monitor.runbook) ? html`<a href=${view.monitor.runbook} rel="noreferrer">${view.monitor.runbook}</a>` : view.monitor.runbook}</p>`}
        <${Buttons} name=${name} view=${view} incidents=${incidents} again=${again}/>
    </section>`;
}

export function Monitor({ name }) {
    useStore();
    const [since, setSince] = useState('1h');
    const { data, error, load: again } = useNews(name, () => load(name), (event) => event.type !== 'verdict' || event.monitor === name || !event.monitor);
    const past = useNews(`${name} ${since}`, () => rollups(name, since), (event) => event.monitor === name, 10000);
    const uptime = useNews(`${name} uptime`, () => uptimes(name), (event) => event.monitor === name);
    if (!data) return html`<main><${Failed} error=${error}/>${!error && html`<${Empty}>Reading…<//>`}</main>`;
    const { view, incidents } = data;
    const choose = html`<label class="by">Last <select value=${since} onChange=${(event) => setSince(event.target.value)}>${SPANS.map(([v, t]) => html`<option value=${v}>${t}</option>`)}</select></label>`;
    return html`<main>
        <nav class="crumbs" aria-label="Path"><a href="#/">Overview</a> › ${name}</nav>
        <${Failed} error=${error}/>
        <${Verdict} name=${name} view=${view} incidents=${incidents} again=${again}/>
        <${Panel} title="Ways to it" id="ways"><${RegionMap} view=${view}/>
            ${view.places.map((one) => html`<h3 key=${one.at}>Where it broke</h3><${Traces} one=${one}/>`)}<//>
        <${Panel} title="Who sees what" id="locations"><${Table} label="Locations" columns=${columns} rows=${view.locations} empty="No location is assigned."/><//>
        <${Panel} title="Latency by location" id="latency" aside=${choose}>
            <${Failed} error=${past.error}/>
            ${past.data && html`<${Strip} past=${past.data}/><${Latency} past=${past.data}/>`}<//>
        <${Panel} title="Outcome kinds" id="kinds">${past.data && html`<${Kinds} past=${past.data}/>`}<//>
        <${Panel} title="Uptime" id="uptime"><${Failed} error=${uptime.error}/>${uptime.data && html`<${Table} label="Uptime" columns=${uptimeColumns} rows=${uptime.data.map((u) => ({ ...u, id: u.text }))}/>`}<//>
        <${Panel} title="History" id="history"><ol class="history">${view.history.map((v) => html`<li key=${v.at}><${Time} at=${v.at}/> <${Word} word=${v.verdict}/> <span>${v.sentence}</span></li>`)}</ol>
            ${!view.history.length && html`<${Empty}>No verdict has changed.<//>`}<//>
    </main>`;
}
