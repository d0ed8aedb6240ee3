// The README's pictures: the dashboard's overview and the status table, as a reader sees them.
//
//   node pictures.mjs URL PASSWORD TABLE FOLDER    called by tests/web/pictures.sh
//
// TABLE is a file with what `parallax status` printed on a terminal, colours included.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [url, password, table, folder] = process.argv.slice(2);
const colours = { 1: 'font-weight:700', 2: 'opacity:.65', 31: 'color:#ff7b72', 32: 'color:#56d364', 33: 'color:#e3b341', 34: 'color:#79c0ff', 35: 'color:#d2a8ff', 36: 'color:#76e3ea' };

// The escape sequences of the table as HTML.
function shown(text) {
    const safe = text.replaceAll('\r', '').replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
    let open = 0;
    const styled = safe.replace(/\x1b\[([\d;]*)m/g, (_, codes) => {
        const styles = codes.split(';').map((code) => colours[Number(code)]).filter(Boolean);
        if (styles.length) { open += 1; return `<span style="${styles.join(';')}">`; }
        const closing = '</span>'.repeat(open);
        open = 0;
        return closing;
    });
    return `<pre id="table" style="display:inline-block;margin:0;padding:14px 18px;background:#0d1117;color:#e6edf3;font:13px/1.45 'DejaVu Sans Mono',monospace">${styled.trimEnd()}</pre>`;
}

const browser = await chromium.launch({ executablePath: process.env.PLX_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1100, height: 460 }, colorScheme: 'light' });
await page.goto(url);
await page.getByLabel('Name').fill('ada');
await page.getByLabel('Password').fill(password);
await page.getByRole('button', { name: 'Log in' }).click();
await page.locator('.fault').nth(1).waitFor();
await page.screenshot({ path: `${folder}/dashboard.png`, fullPage: true });
// A page of its own: the dashboard's policy allows no styles within the markup.
const paper = await browser.newPage({ viewport: { width: 1100, height: 460 } });
await paper.setContent(`<body style="margin:0">${shown(readFileSync(table, 'utf8'))}</body>`);
await paper.locator('#table').screenshot({ path: `${folder}/status.png` });
await browser.close();
