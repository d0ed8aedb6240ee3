// The dashboard: one page, whose part after # says what is shown.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call } from './api.js';
import { Agents } from './agents.js';
import { Check } from './check.js';
import { Maintenance } from './maintenance.js';
import { Incident, Incidents } from './incidents.js';
import { Login } from './login.js';
import { Monitor } from './monitor.js';
import { Overview } from './overview.js';
import { Silences } from './silences.js';
import { begin, leave, useStore } from './store.js';
import { html } from './ui.js';
import { zone } from './words.js';

const pages = [['', 'Overview'], ['incidents', 'Incidents'], ['agents', 'Agents'], ['silences', 'Silences'], ['maintenance', 'Maintenance'], ['check', 'Check']];

const parts = () => location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);

function usePath() {
    const [path, setPath] = useState(parts());
    useEffect(() => {
        const move = () => { setPath(parts()); scrollTo(0, 0); };
        addEventListener('hashchange', move);
        return () => removeEventListener('hashchange', move);
    }, []);
    return path;
}

function Page({ path: [page, what] }) {
    if (page === 'monitors' && what) return html`<${Monitor} key=${what} name=${what}/>`;
    if (page === 'incidents') return what ? html`<${Incident} key=${what} id=${what}/>` : html`<${Incidents}/>`;
    if (page === 'agents') return html`<${Agents}/>`;
    if (page === 'silences') return html`<${Silences}/>`;
    if (page === 'maintenance') return html`<${Maintenance}/>`;
    if (page === 'check') return html`<${Check} key=${what} target=${what}/>`;
    return html`<${Overview}/>`;
}

function Top({ store, page }) {
    const logout = () => call('DELETE', '/session').catch(() => null).then(leave);
    const agents = store.overview?.agents;
    return html`<header class="top">
        <a class="brand" href="#/">Parallax</a>
        <nav aria-label="Main">${pages.map(([name, text]) => html`<a key=${name} href=${`#/${name}`} aria-current=${page === name || (page === 'monitors' && !name) ? 'page' : null}>${text}
            ${name === 'incidents' && store.incidents.length > 0 && html` <span class="count">${store.incidents.length}</span>`}</a>`)}</nav>
        <span class="facts"><span class=${`live ${store.live ? 'good' : 'bad'}`} role="status">${store.live ? '● live' : '○ not connected'}</span>
            ${agents && html`<a href="#/agents">${agents.live}/${agents.total} agents</a>`}
            <span>${store.session.name} (${store.session.role})</span><button type="button" onClick=${logout}>Log out</button></span>
    </header>`;
}

function App() {
    const store = useStore(), path = usePath();
    useEffect(() => { document.title = path[1] ? `${path[1]} – Parallax` : 'Parallax'; }, [path.join('/')]);
    if (store.session === undefined) return null;
    if (!store.session) return html`<${Login}/>`;
    return html`<${Top} store=${store} page=${path[0]}/>
        ${store.trouble && html`<p class="trouble" role="alert">${store.trouble}</p>`}
        <${Page} path=${path}/>
        <footer>Times in ${zone} · Parallax ${store.session.version}</footer>`;
}

begin();
render(html`<${App}/>`, document.getElementById('app'));
