// The API keeps to its description: every operation of openapi.json is called as its own
// example says, and its answer must be of the type and shape that are described.
//
//   node contract.mjs URL OPENAPI ADMIN_TOKEN             replay; exit 1 if one differs
//   node contract.mjs URL OPENAPI ADMIN_TOKEN --record    write example and shape of the
//                                                         answers that have none in OPENAPI, or
//                                                         another one
//
// Called by tests/e2e/test_contract.sh, which makes the fleet that the examples speak of.
// Reads come first, then what makes things, then what takes them away.
import { readFileSync, writeFileSync } from 'node:fs';

const [url, file, token, mode] = process.argv.slice(2);
const description = JSON.parse(readFileSync(file, 'utf8')), record = mode === '--record';
const order = { get: 0, put: 1, post: 2, delete: 3 };
// Objects whose keys are data, not names of the API's.
const maps = new Set(['labels', 'own_labels', 'outcomes', 'summary', 'match', 'counters', 'burn_rate', 'refused', 'agents_by_state']);
let failed = 0;

function complain(what, why) {
    console.log(`${what}: ${why}`);
    failed += 1;
}

// ---- shapes ----

// A shape or an example that was only begun ({}) is none: it would take any answer.
const isSaid = (v) => v !== undefined && (kind(v) !== 'object' || Object.keys(v).length > 0);

const kind = (v) => (v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v);

// The shape of a value: leaves may be null, since what is not known is.
function joined(a, b) {
    if (!a.type || !b.type) return a.type ? a : b;
    const shape = { ...a, type: [...new Set([...a.type, ...b.type])] };
    if (a.properties && b.properties) {
        shape.properties = { ...a.properties };
        for (const [k, v] of Object.entries(b.properties)) shape.properties[k] = k in a.properties ? joined(a.properties[k], v) : v;
    } else if (b.properties) shape.properties = b.properties;
    if (a.items || b.items) shape.items = joined(a.items || {}, b.items || {});
    return shape;
}

function shapeOf(value, key) {
    switch (kind(value)) {
    case 'null': return {};
    case 'array': return { type: ['array', 'null'], items: value.map((v) => shapeOf(v)).reduce(joined, {}) };
    case 'object':
        if (maps.has(key)) return { type: ['object', 'null'], additionalProperties: true };
        return { type: ['object', 'null'], properties: Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shapeOf(v, k)])) };
    default: return { type: [kind(value), 'null'] };
    }
}

// Where a value differs from a shape; null: nowhere. Keys that are not described differ.
function differs(value, shape, at = 'the answer') {
    const is = kind(value), types = shape.type && [shape.type].flat();
    if (types && !types.includes(is)) return `${at} is ${is}, not ${types.join(' or ')}`;
    for (const key of is === 'object' ? shape.required || [] : []) if (!(key in value)) return `${at} lacks ${key}`;
    if (is === 'object' && shape.properties)
        for (const [key, v] of Object.entries(value)) {
            if (!(key in shape.properties)) return `${at} has ${key}, which is not described`;
            const found = differs(v, shape.properties[key], `${at}.${key}`);
            if (found) return found;
        }
    if (is === 'array' && shape.items)
        for (const [i, v] of value.entries()) {
            const found = differs(v, shape.items, `${at}[${i}]`);
            if (found) return found;
        }
    return null;
}

// An example for people: lists are cut, secrets are not told.
function example(value, key) {
    if (key === 'token' && kind(value) === 'string') return 'plxt_…';
    if (kind(value) === 'array') return value.slice(0, 2).map((v) => example(v));
    if (kind(value) === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, example(v, k)]));
    return value;
}

// ---- calling ----

function addressOf(path, operation) {
    const query = new URLSearchParams();
    let filled = path;
    for (const p of operation.parameters || []) {
        if (p.example === undefined) continue;
        if (p.in === 'path') filled = filled.replace(`{${p.name}}`, encodeURIComponent(p.example));
        else for (const v of [p.example].flat()) query.append(p.name, v);
    }
    return filled + (query.size ? `?${query}` : '');
}

// The text of an answer; of a stream that does not end, its beginning.
async function textOf(answer, endless) {
    if (!endless) return answer.text();
    const reader = answer.body.getReader(), { value } = await reader.read();
    await reader.cancel();
    return new TextDecoder().decode(value);
}

async function call(verb, path, operation) {
    const body = operation.requestBody?.content['application/json']?.example;
    const headers = { 'X-Parallax': '1', ...(operation.security?.length === 0 ? {} : { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(url + addressOf(path, operation), {
        method: verb.toUpperCase(), headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(30000),
    });
    const type = (answer.headers.get('content-type') || '').split(';')[0];
    return { status: String(answer.status), type, text: await textOf(answer, type === 'text/event-stream') };
}

async function one(verb, path, operation) {
    const what = `${verb.toUpperCase()} ${path}`, good = Object.keys(operation.responses).find((s) => s.startsWith('2'));
    for (const p of operation.parameters || []) if (p.in === 'path' && p.example === undefined) return complain(what, `no example of ${p.name}`);
    const got = await call(verb, path, operation);
    if (got.status !== good) return complain(what, `${got.status}, not ${good}: ${got.text.slice(0, 300)}`);
    const content = operation.responses[good].content || {}, types = Object.keys(content);
    if (types.length && !types.includes(got.type) && !types.includes('*/*')) return complain(what, `${got.type}, not ${types}`);
    if (!got.text) return undefined;
    if (!['application/json', 'application/x-ndjson', 'application/feed+json'].includes(got.type)) return undefined;
    const lines = got.type === 'application/x-ndjson' ? got.text.trim().split('\n').map((l) => JSON.parse(l)) : [JSON.parse(got.text)];
    const media = content[got.type] || content['*/*'];
    if (record && path !== '/api/v1/openapi.json' && (!isSaid(media.example) || !isSaid(media.schema) || differs(lines[0], media.schema || {}))) {
        media.schema = { ...shapeOf(lines[0]), type: 'object', required: media.schema?.required || Object.keys(lines[0]) };
        media.example = example(lines[0]);
    }
    if (!isSaid(media.schema)) return path === '/api/v1/openapi.json' ? undefined : complain(what, 'its answer is not described');
    if (!isSaid(media.example)) return complain(what, 'no example of its answer');
    const found = differs(lines[0], media.schema) || differs(media.example, media.schema, 'the example');
    return found ? complain(what, found) : undefined;
}

const calls = Object.entries(description.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, operation]) => ({ verb, path, operation })));
calls.sort((a, b) => order[a.verb] - order[b.verb] || (a.operation['x-last'] || 0) - (b.operation['x-last'] || 0));
for (const { verb, path, operation } of calls) {
    try {
        await one(verb, path, operation);
    } catch (error) {
        complain(`${verb.toUpperCase()} ${path}`, error.message);
    }
}
if (record) writeFileSync(file, `${JSON.stringify(description, null, 1)}\n`);
console.log(`${calls.length} operations, ${failed} differ`);
process.exit(failed ? 1 : 0);
