// Probe something from all locations now; answers fill the table as they come.
import { useEffect, useRef, useState } from 'preact/hooks';
import { stream } from './api.js';
import { may, state } from './store.js';
import { Failed, html, Panel, Table } from './ui.js';
import { ms, saw } from './words.js';

const columns = [
    { name: 'Region', cell: (a) => html`<strong>${a.region}</strong>` },
    { name: 'Agent', cell: (a) => a.agent },
    { name: 'Saw', cell: (a) => html`<span class=${`word ${a.ok == null ? 'unsure' : a.ok ? 'good' : 'bad'}`}>${a.ok == null ? '○' : a.ok ? '●' : '✖'} ${saw(a)}</span>` },
    { name: 'Latency', end: true, cell: (a) => ms(a.latency_ms) },
    { name: 'Address', cell: (a) => a.address || '–' },
    { name: 'Refused by', cell: (a) => a.icmp_from || '–' },
    { name: 'SYNs resent', end: true, cell: (a) => a.syn_retrans },
    { name: 'Said', wide: true, cell: (a) => (a.excerpt ? html`<code>${a.excerpt}</code>` : '–') },
];

export function Check({ target }) {
    const [answers, setAnswers] = useState([]), [end, setEnd] = useState(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
    const stop = useRef(null);
    useEffect(() => () => stop.current?.abort(), []);
    const take = (part) => (part.answers ? setEnd(part) : setAnswers((was) => [...was, part]));
    const submit = async (event) => {
        event.preventDefault();
        const form = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value));
        if (form.from) form.from = form.from.split(/[\s,]+/).filter(Boolean);
        setAnswers([]); setEnd(null); setError(null); setBusy(true);
        stop.current = new AbortController();
        try { await stream('/checks', form, take, stop.current.signal); } catch (e) { if (e.name !== 'AbortError') setError(e); }
        setBusy(false);
    };
    return html`<main><h1>Check now</h1>
        <form class="check" onSubmit=${submit}>
            <label>Target<input name="target" required placeholder="host:port" defaultValue=${target || ''} autocomplete="off"/></label>
            <label>From<input name="from" placeholder="all locations" autocomplete="off"/></label>
            <label>Timeout<input name="timeout" placeholder="5s" autocomplete="off"/></label>
            <label>Greeting<select name="greeting">${['', ...state.session.greetings].map((g) => html`<option value=${g}>${g || 'none'}</option>`)}</select></label>
            <button type="submit" class="main" disabled=${busy || !may('operator')}>Check</button>
        </form>
        ${!may('operator') && html`<p class="hint">Checking takes the role operator.</p>`}
        <${Failed} error=${error}/>
        ${(busy || end || answers.length > 0) && html`<${Panel} id="answers" title=${end ? `${end.answered} of ${end.asked} answered` : `${answers.length} answered so far…`}>
            <div aria-live="polite"><${Table} label="Answers" columns=${columns} rows=${answers} empty="Waiting for the first answer…"/></div>
            ${end?.missing.length > 0 && html`<p class="muted">No answer from ${end.missing.join(', ')}.</p>`}<//>`}
    </main>`;
}
