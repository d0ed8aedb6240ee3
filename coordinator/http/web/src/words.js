// How verdicts and times are said and shown.

const tones = {
    up: 'good', service_down: 'bad', host_down: 'bad', network_down: 'bad', dns_failure: 'bad',
    path_failure: 'warn', filtered: 'warn', degraded: 'warn', agent_fault: 'ours',
    inconclusive: 'unsure', pending: 'unsure', paused: 'unsure',
    service: 'bad', host: 'bad', network: 'bad', dns: 'bad', path: 'warn', filter: 'warn',
    agent: 'ours', region: 'ours', provider: 'ours', coverage: 'ours',
    critical: 'bad', warning: 'warn', open: 'good', refused: 'bad', timeout: 'bad',
    unreachable: 'bad', reset: 'bad', mismatch: 'bad', local_error: 'ours', skipped: 'unsure',
    live: 'good', lost: 'bad', draining: 'warn', never: 'unsure', revoked: 'unsure',
};
// A shape beside the colour, for those who do not see it.
const shapes = { good: '●', bad: '✖', warn: '▲', ours: '◆', unsure: '○' };

export const tone = (word) => tones[word] || 'unsure';
export const shape = (word) => shapes[tone(word)];
export const said = (word) => String(word ?? '–').replaceAll('_', ' ');
// What a probe saw: the outcome, and what of its details says more.
export const saw = (probe) => [probe.unreach, probe.detail]
    .filter((word) => word && word !== 'none' && !word.includes(probe.outcome))
    .reduce((text, word) => `${text}, ${said(word)}`, said(probe.outcome));
// The worst first.
const ranks = { bad: 0, ours: 1, warn: 2, unsure: 3, good: 4 };
export const rank = (word) => (word === 'paused' ? 3.5 : ranks[tone(word)]);

// Whose fault a class of faults is.
export const whose = (kind) => ({
    bad: 'the target', warn: 'the way there', ours: 'our own eyes', unsure: 'not known',
}[tone(kind)]);

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat([], { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false });

export function when(text) {
    if (!text) return '–';
    const at = new Date(text), near = Math.abs(Date.now() - at) < 20 * 3600e3;
    return (near ? clock : day).format(at);
}

export function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const since = (text) => (text ? span((Date.now() - new Date(text)) / 1000) : '–');
export const ms = (value) => (value == null ? '–' : value < 10 ? `${value.toFixed(2)} ms` : `${Math.round(value)} ms`);
export const bytes = (n) => (n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(0)} KiB` : `${(n / 1048576).toFixed(1)} MiB`);

// The judge counts in nats; people in how many times less likely.
export const inOdds = (sentence) => sentence.replace(/behind by ([\d.]+) nats/, (_, nats) =>
    (nats > 14 ? 'more than a million times less likely' : `${Number(Math.exp(nats).toPrecision(2)).toLocaleString('en')} times less likely`));
