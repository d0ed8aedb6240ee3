// Pieces that every page uses.
import { h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import htm from 'htm';
import { shape, tone, said, since, when } from './words.js';

export const html = htm.bind(h);
export const link = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;

export const Word = ({ word, big }) => html`
    <span class=${`word ${tone(word)} ${big ? 'big' : ''}`}><span aria-hidden="true">${shape(word)}</span> ${said(word)}</span>`;

export const Time = ({ at, ago }) => html`
    <time dateTime=${at || ''} title=${at ? new Date(at).toLocaleString() : ''}>${ago ? since(at) : when(at)}</time>`;

export const Labels = ({ labels }) => Object.entries(labels || {}).map(([key, value]) => html`
    <span class="label" key=${key}>${key}=${value}</span>`);

export const Failed = ({ error }) => error && html`<p class="failed" role="alert">${error.message}</p>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export const Panel = ({ title, aside, children, id }) => html`
    <section class="panel" aria-labelledby=${id}>
        <header><h2 id=${id}>${title}</h2>${aside}</header>${children}
    </section>`;

// A table: columns [{name, cell, end}] and rows; `empty` says why there are none.
export function Table({ columns, rows, empty, label }) {
    if (!rows.length) return html`<${Empty}>${empty}<//>`;
    return html`<div class="scroll" tabIndex="0" role="region" aria-label=${label}><table>
        <thead><tr>${columns.map((c) => html`<th scope="col" class=${c.end ? 'end' : ''}>${c.name}</th>`)}</tr></thead>
        <tbody>${rows.map((row, i) => html`<tr key=${row.id ?? row.name ?? i}>
            ${columns.map((c) => html`<td class=${`${c.end ? 'end' : ''} ${c.wide ? 'wide' : ''}`}>${c.cell(row)}</td>`)}</tr>`)}
        </tbody></table></div>`;
}

// Act: a button that does something once, says that it works on it, and why it failed.
export function Act({ label, run, kind = '', disabled }) {
    const [busy, setBusy] = useState(false), [error, setError] = useState(null);
    const go = async () => {
        setBusy(true);
        setError(null);
        try { await run(); } catch (e) { setError(e); }
        setBusy(false);
    };
    return html`<span class="act"><button type="button" class=${kind} disabled=${busy || disabled} onClick=${go}>${label}</button>
        <${Failed} error=${error}/></span>`;
}

// Ask: a dialog with a form. `fields` [{name, label, value, required, hint, options}].
export function Ask({ title, fields, verb, run, close }) {
    const box = useRef(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
    useEffect(() => { box.current.showModal(); }, []);
    const submit = async (event) => {
        event.preventDefault();
        const values = Object.fromEntries(new FormData(event.target));
        setBusy(true);
        try { await run(values); close(); } catch (e) { setError(e); setBusy(false); }
    };
    return html`<dialog ref=${box} onClose=${close} aria-labelledby="ask-title"><form onSubmit=${submit}>
        <h2 id="ask-title">${title}</h2>
        ${fields.map((f) => html`<label key=${f.name}>${f.label}
            ${f.options ? html`<select name=${f.name}>${f.options.map(([value, text]) => html`<option value=${value} selected=${value === f.value}>${text}</option>`)}</select>`
            : html`<input name=${f.name} defaultValue=${f.value || ''} required=${f.required} placeholder=${f.hint || ''} autocomplete="off"/>`}</label>`)}
        <${Failed} error=${error}/>
        <div class="row"><button type="submit" class="main" disabled=${busy}>${verb}</button>
        <button type="button" onClick=${close}>Cancel</button></div>
    </form></dialog>`;
}

export const lengths = [['30m', '30 minutes'], ['1h', '1 hour'], ['4h', '4 hours'], ['12h', '12 hours'], ['1d', '1 day'], ['7d', '1 week']];

// useKeys MAP: keys that work while nothing is being typed. The map of the last drawing
// counts, also for who types faster than effects run.
export function useKeys(map) {
    const held = useRef(map);
    held.current = map;
    useEffect(() => {
        const press = (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            if (event.target.closest?.('input, select, textarea, dialog') && event.key !== 'Escape') return;
            const act = held.current[event.key];
            if (act && act(event) !== false) event.preventDefault();
        };
        addEventListener('keydown', press);
        return () => removeEventListener('keydown', press);
    }, []);
}
