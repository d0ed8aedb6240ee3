// Drives the dashboard as its readers do: a real Chromium against a real coordinator.
//
//   node drive.mjs URL PASSWORD SHOTS ADDRESS:PORT…   called by tests/e2e/test_web.sh
//
// The services that the coordinator's agents watch at these addresses live in this
// process; one is stopped and started again. Screenshots are left in SHOTS.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { chromium } from 'playwright-core';

const [url, password, shots, ...places] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browserPath = process.env.PLX_CHROMIUM || '/usr/bin/chromium';
const LATE_MS = 2000; // a verdict is on the page after that at the latest
let failed = 0;

function check(what, good, more = '') {
    console.log(`${good ? 'ok      ' : 'NOT OK  '}${what}${good || !more ? '' : `\n  ${more}`}`);
    failed += good ? 0 : 1;
}

// ---- what is watched ----

const services = new Map();
const start = (place) => new Promise((done) => {
    const server = net.createServer((socket) => socket.destroy());
    const [address, port] = place.split(':');
    services.set(place, server);
    server.listen(Number(port), address, done);
});
const stop = (place) => new Promise((done) => services.get(place).close(done));

// ---- the browser ----

const strangers = [], complaints = [];

function listen(page) {
    page.on('request', (request) => {
        if (new URL(request.url()).origin !== url && !request.url().startsWith('data:')) strangers.push(request.url());
    });
    page.on('console', (message) => {
        // The browser reports the refusal that tells the page to show the login form.
        if (['error', 'warning'].includes(message.type()) && !(message.text().includes('401') && message.location().url.endsWith('/api/v1/session'))) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
}

async function accessible(page, what) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] }));
    const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
    check(`axe-core finds nothing serious: ${what}`, serious.length === 0,
        serious.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message || ''}`).join(' | ')}`).join('\n  '));
}

const shot = (page, name, fullPage = false) => page.screenshot({ path: `${shots}/${name}.png`, fullPage });
const answer = (page, text, ms = 30000) => page.locator('h1.answer', { hasText: text }).waitFor({ timeout: ms });
const api = (page, path) => page.evaluate((p) => fetch(p).then((r) => r.json()), `/api/v1${path}`);

// ---- the story ----

async function logIn(page) {
    await page.goto(url);
    await page.getByLabel('Name').waitFor();
    await accessible(page, 'login');
    await shot(page, 'login');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('wrong password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    check('a wrong password is said to be one', (await page.getByRole('alert').textContent()).includes('not their password'));
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await answer(page, 'Everything is up');
    check('logged in, and everything is up', true);
}

async function seeFailure(page, place, name) {
    const loads = await page.evaluate(() => performance.timeOrigin);
    await stop(place);
    await answer(page, '1 down');
    const seen = Date.now();
    const { history } = await api(page, `/monitors/${name}/history`);
    const verdict = Date.parse(history.find((v) => v.verdict === 'service_down').at);
    check(`a failure is on the page ${seen - verdict} ms after its verdict (at most ${LATE_MS})`, seen - verdict <= LATE_MS);
    check('… without a reload', (await page.evaluate(() => performance.timeOrigin)) === loads);
    await page.locator('.fault', { hasText: name }).waitFor();
    check('… with whose fault it is', (await page.locator('.fault', { hasText: name }).textContent()).includes('fault of the target'));
    await shot(page, 'overview');
    await accessible(page, 'overview');
}

async function readAndAct(page, name) {
    await page.getByRole('link', { name: new RegExp(`${name}.*service down`) }).first().click();
    await page.getByRole('heading', { name: 'Who sees what' }).waitFor();
    const sentence = await page.locator('.sentence').textContent();
    check(`the monitor's page says why: ${sentence}`, /refused|answers/.test(sentence));
    const box = page.locator('.verdict-box'), text = await box.textContent();
    check('… once', text.split(sentence).length === 2);
    check('… the next best story in odds, if there is one', !text.includes('nats') && (!text.includes('next best') || text.includes('times less likely')));
    check('… where the runbook is, as a link', (await box.getByRole('link', { name: 'https://wiki.example/runbook' }).getAttribute('href')) === 'https://wiki.example/runbook');
    check('… what each location saw', (await page.getByRole('region', { name: 'Locations' }).locator('tbody tr').count()) === 3);
    check('… draws the latencies', await page.locator('.chart canvas').waitFor({ timeout: 90000 }).then(() => true, () => false));
    check('… the ways to it, one from each region', (await page.locator('.map path.way').count()) === 3);
    check('… how many of which outcomes', await page.getByRole('region', { name: 'Outcome kinds' }).getByText('us-east-1').waitFor({ timeout: 90000 }).then(() => true, () => false));
    check('… its uptime over four spans', await page.getByRole('region', { name: 'Uptime' }).locator('tbody tr').nth(3).waitFor().then(() => true, () => false));
    await accessible(page, 'monitor');
    await page.getByRole('button', { name: /Acknowledge incident/ }).click();
    await page.getByLabel('What are you doing').fill('restarting it');
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('acknowledged by ada').waitFor();
    check('acknowledged', true);
    await page.getByRole('button', { name: 'Silence' }).click();
    await accessible(page, 'a dialog');
    await page.getByLabel('Why').fill('known');
    await page.getByRole('dialog').getByRole('button', { name: 'Silence' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await shot(page, 'monitor', true);
}

async function visit(page, path, heading) {
    await page.goto(`${url}/#/${path}`);
    await page.getByRole('heading', { name: heading }).first().waitFor();
}

// Names in pictures of traces that a line, another name or the picture's edge cuts.
function covered() {
    const found = [];
    for (const picture of document.querySelectorAll('svg.traces')) {
        const names = [...picture.querySelectorAll('text.name')].map((t) => [t.textContent, t.getBBox()]);
        const inside = (b, x, y) => x > b.x && x < b.x + b.width && y > b.y + 1 && y < b.y + b.height - 1;
        for (const [name, b] of names) {
            if (b.x < 0 || b.y < 0 || b.x + b.width > picture.width.baseVal.value) found.push(`${name}: over the edge`);
            for (const [other, o] of names)
                if (o !== b && o.x < b.x + b.width && b.x < o.x + o.width && o.y < b.y + b.height && b.y < o.y + o.height) found.push(`${name}: ${other}`);
            for (const way of picture.querySelectorAll('path.way'))
                for (let at = 0; at <= way.getTotalLength(); at += 2) {
                    const { x, y } = way.getPointAtLength(at);
                    if (inside(b, x, y)) { found.push(`${name}: a line at ${x} ${y}`); break; }
                }
        }
    }
    return found;
}

// An incident whose traces are those of a wide network: names and addresses of full
// length, ways that meet and part, silent hops.
function widely(incident) {
    const far = '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff', hop = (ttl, from) => ({ ttl, from });
    const flow = (...hops) => ({ flows: [{ hops, end: { kind: 'target', ttl: 7, from: far } }] });
    const traces = ['us-east-1', 'eu-west-with-a-long-name-1', 'ap-southeast-1', 'sa-1'].map((agent, i) => ({
        agent, region: agent,
        now: flow(hop(1, `10.0.${i}.1`), hop(2, i < 2 ? '203.0.113.254' : '2001:db8:1:2:3:4:5:6'), hop(3), hop(4), hop(5, `198.51.100.${i % 3}`)),
        before: flow(hop(1, `10.0.${i}.1`), hop(2, '203.0.113.253'), hop(3, `192.0.2.${i}`), hop(5, '198.51.100.1')),
    }));
    const place = { ...incident.places[0]?.place, kind: 'between', after: '203.0.113.254', before: '198.51.100.1', sentence: 'the packets end behind 203.0.113.254' };
    return { ...incident, places: [{ at: incident.opened, host: 'db', port: 1, waiting: 0, spares: [], ...incident.places[0], place, traces }] };
}

async function incident(page, name) {
    await visit(page, 'incidents', 'Incidents');
    await page.locator('tbody').getByRole('link', { name: new RegExp(name) }).click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    check('the timeline has the acknowledgement', await page.locator('.history', { hasText: 'restarting it' }).waitFor().then(() => true, () => false));
    await page.getByRole('button', { name: 'Add a note' }).click();
    await page.getByRole('dialog').getByLabel('Note').fill('disk was full');
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    check('a note is added to it', await page.locator('.history', { hasText: 'disk was full' }).waitFor().then(() => true, () => false));
    check('it says where it broke', await page.getByText('In the fleet:').first().waitFor().then(() => true, () => false));
    await accessible(page, 'incident');
    await shot(page, 'incident');
    const unclear = () => page.evaluate(covered);
    check('in the picture of the traces every name can be read', (await unclear()).length === 0, (await unclear()).join(', '));
    await page.route(/\/incidents\/\d+$/, async (route) => {
        const answered = await route.fetch();
        route.fulfill({ response: answered, json: widely(await answered.json()) });
    });
    await page.reload();
    await page.locator('.traces .name', { hasText: 'ap-southeast' }).first().waitFor();
    check('… also where many ways meet', (await unclear()).length === 0, (await unclear()).join(', '));
    check('… and a way of each agent', (await page.locator('.traces .agent').count()) === 4);
    await page.locator('.traces').first().scrollIntoViewIfNeeded();
    await shot(page, 'traces');
    await page.unroute(/\/incidents\/\d+$/);
}

async function silences(page) {
    await visit(page, 'silences', 'Silences');
    check('the silence is listed', await page.getByRole('region', { name: 'Silences' }).getByText('known').waitFor().then(() => true, () => false));
    await accessible(page, 'silences');
    await shot(page, 'silences');
    await page.getByRole('button', { name: /^End/ }).click();
    check('… and ended', await page.getByText('Nothing is silenced.').waitFor().then(() => true, () => false));
}

async function maintenance(page) {
    await visit(page, 'maintenance', 'Maintenance');
    check('the maintenance page says what is on', await page.getByRole('region', { name: 'On now' }).getByText('moving house').waitFor().then(() => true, () => false));
    await accessible(page, 'maintenance');
    await shot(page, 'maintenance');
}

async function statusPage(browser) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    listen(page);
    await page.goto(`${url}/status`);
    check('the public page needs no login', await page.getByRole('rowheader', { name: 'checkout' }).waitFor().then(() => true, () => false));
    await accessible(page, 'status page');
    await shot(page, 'status');
    await page.close();
}

async function runCheck(page, place) {
    await visit(page, 'check', 'Check now');
    await page.getByLabel('Target').fill(place);
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByRole('heading', { name: '3 of 3 answered' }).waitFor();
    check('a check from all locations', (await page.locator('tbody .word.good').count()) === 3);
    await accessible(page, 'check');
    await shot(page, 'check');
}

async function agents(page) {
    await visit(page, 'agents', 'Agents');
    await page.getByRole('heading', { name: '3 of 3 live' }).waitFor();
    check('the agents', (await page.locator('tbody tr').count()) === 3);
    await accessible(page, 'agents');
    await shot(page, 'agents');
}

async function keys(page, name) {
    await visit(page, '', /up|down/);
    await page.keyboard.press('/');
    await page.keyboard.type(name);
    await page.locator('.monitors li').nth(1).waitFor({ state: 'detached' });
    check('search by keyboard', (await page.locator('.monitors li').count()) === 1);
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    check('… and open', await page.getByRole('heading', { name: 'Who sees what' }).waitFor().then(() => true, () => false));
}

async function recovery(page, place) {
    await visit(page, '', /down/);
    await start(place);
    await answer(page, 'Everything is up', 60000);
    check('recovery is live, too', true);
}

async function looks(page) {
    await visit(page, '', /up/);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForTimeout(200); // colours change over 0.1 s
    await accessible(page, 'overview, dark');
    await shot(page, 'overview-dark');
    await page.setViewportSize({ width: 390, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check('on a phone nothing is wider than the screen', wide <= 390, `${wide} px`);
    await accessible(page, 'overview, phone');
    await shot(page, 'overview-phone');
}

async function main() {
    const down = places[1];
    for (const place of places) await start(place);
    const browser = await chromium.launch({
        executablePath: browserPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
    });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
    page.setDefaultTimeout(15000);
    listen(page);
    try {
        await logIn(page);
        complaints.splice(0); // the refused password
        await agents(page);
        await visit(page, '', /up/);
        await seeFailure(page, down, 'checkout');
        await readAndAct(page, 'checkout');
        await incident(page, 'checkout');
        await silences(page);
        await maintenance(page);
        await statusPage(browser);
        await runCheck(page, places[0]);
        await keys(page, 'checkout');
        await recovery(page, down);
        await looks(page);
    } catch (error) {
        check('the story to its end', false, error.message);
        await shot(page, 'broken');
    }
    check('the console has no complaint', complaints.length === 0, complaints.join('\n  '));
    check('no request to another host', strangers.length === 0, strangers.join('\n  '));
    await browser.close();
    for (const server of services.values()) server.close();
}

await main();
process.exit(failed ? 1 : 0);
