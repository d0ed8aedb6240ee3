// What the page knows, kept up by server-sent events. One object; views subscribe to it.
//
// An event changes what it can at once, and asks for the whole overview soon after: events
// of a busy moment are answered by one request, and the tag makes a request for the same
// state cheap.
import { useEffect, useState } from 'preact/hooks';
import { get } from './api.js';

const SOON_MS = 400, SELDOM_MS = 20000;

export const state = {
    session: undefined, // undefined: not known yet; null: nobody
    overview: null,
    monitors: [],
    byName: new Map(),
    incidents: [],
    agents: null,
    live: false,
    trouble: null,
    news: 0, // grows with each event
};

const readers = new Set();
let source = null, timer = null, seldom = null;

export function changed() {
    for (const read of readers) read();
}

// useStore: the state; the view is drawn again when it changes.
export function useStore() {
    const [, again] = useState(0);
    useEffect(() => {
        const read = () => again((n) => n + 1);
        readers.add(read);
        return () => readers.delete(read);
    }, []);
    return state;
}

// useNews KEY LOAD: loads now, when KEY changes, soon after events, and every so many ms (0:
// not); {data, error, load}.
export function useNews(key, load, wanted = () => true, every = 0) {
    const [held, hold] = useState({ data: null, error: null });
    const news = state.news;
    const run = () => load().then((data) => hold({ data, error: null, key }),
        (error) => hold((was) => ({ ...was, error })));
    useEffect(() => { hold({ data: null, error: null }); run(); }, [key]);
    useEffect(() => {
        if (!every) return undefined;
        const timer = setInterval(run, every);
        return () => clearInterval(timer);
    }, [key, every]);
    useEffect(() => {
        if (!news || !wanted(state.latest)) return undefined;
        const soon = setTimeout(run, 250);
        return () => clearTimeout(soon);
    }, [news]);
    return { ...held, data: held.key === key ? held.data : null, load: run };
}

export const may = (role) => {
    const order = ['viewer', 'operator', 'admin'];
    return order.indexOf(state.session?.role) >= order.indexOf(role);
};

function takeOverview(overview) {
    state.overview = overview;
    state.monitors = overview.monitors;
    state.byName = new Map(overview.monitors.map((m) => [m.name, m]));
    state.trouble = overview.trouble;
}

export async function refresh() {
    try {
        const [overview, incidents] = await Promise.all([get('/overview'), get('/incidents?state=open&limit=100')]);
        takeOverview(overview);
        state.incidents = incidents.incidents;
        state.trouble = overview.trouble;
    } catch (error) {
        if (error.status === 401) return leave();
        state.trouble = error.status ? error.message : 'the coordinator does not answer';
    }
    changed();
}

function refreshSoon() {
    if (timer) return;
    timer = setTimeout(() => { timer = null; refresh(); }, SOON_MS);
}

function takeVerdict(event) {
    const monitor = state.byName.get(event.monitor);
    if (!monitor) return;
    monitor.verdict = event.now;
    monitor.since = event.at;
    monitor.sentence = event.sentence;
    monitor.faults = event.faults;
}

function take(type, message) {
    const event = message.data ? JSON.parse(message.data) : {};
    state.latest = event;
    state.news += 1;
    if (type === 'verdict') takeVerdict(event);
    changed();
    refreshSoon();
}

function watch() {
    source = new EventSource('/api/v1/events');
    source.onopen = () => { state.live = true; changed(); refreshSoon(); };
    source.onerror = () => {
        state.live = false;
        changed();
        // A refusal is final for the browser: begin anew.
        if (source?.readyState === EventSource.CLOSED) setTimeout(() => { if (state.session) { source?.close(); watch(); } }, 3000);
    };
    for (const type of ['verdict', 'fault', 'incident', 'agent', 'missed'])
        source.addEventListener(type, (message) => take(type, message));
}

export async function enter(session) {
    state.session = session;
    await refresh();
    if (!state.session || source) return;
    watch();
    seldom = setInterval(refresh, SELDOM_MS);
}

export function leave() {
    source?.close();
    source = null;
    clearInterval(seldom);
    Object.assign(state, { session: null, overview: null, monitors: [], incidents: [], live: false });
    state.byName = new Map();
    changed();
}

export async function begin() {
    try {
        await enter(await get('/session'));
    } catch {
        leave();
    }
}
