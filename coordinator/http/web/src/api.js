// Requests to the coordinator: always to where the page came from, by its cookie.

export class Problem extends Error {
    constructor(status, body) {
        super(body?.detail || `the coordinator answered ${status}`);
        this.status = status;
        this.field = body?.field;
    }
}

async function problemOf(answer) {
    return new Problem(answer.status, await answer.json().catch(() => null));
}

function request(verb, path, body, signal) {
    return fetch(`/api/v1${path}`, {
        method: verb,
        headers: { 'X-Parallax': '1', ...(body ? { 'Content-Type': 'application/json' } : {}) },
        body: body ? JSON.stringify(body) : undefined,
        credentials: 'same-origin',
        signal,
    });
}

export async function call(verb, path, body) {
    const answer = await request(verb, path, body);
    if (!answer.ok) throw await problemOf(answer);
    return answer.status === 204 ? null : answer.json();
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);
export const segment = encodeURIComponent;

// stream PATH BODY TAKE: a method whose parts come as JSON lines.
export async function stream(path, body, take, signal) {
    const answer = await request('POST', path, body, signal);
    if (!answer.ok) throw await problemOf(answer);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        for (const line of lines) if (line) take(JSON.parse(line));
    }
}
