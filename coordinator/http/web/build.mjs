// Makes the dashboard's files: src/ and the packages of package-lock.json become dist/.
//
//   npm ci && node build.mjs           build
//   npm ci && node build.mjs --check   say whether dist/ is what src/ makes; exit 1 if not
//
// dist/ is in the tree, so that the C build needs no Node. Names carry a hash of the
// content: a browser keeps them for good. The same sources give the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const source = (name) => join(here, 'src', name);
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

// bundle ENTRY: one minified ES module or style sheet, for browsers of the last years.
async function bundle(entry) {
    const made = await build({
        entryPoints: [source(entry)], bundle: true, minify: true, write: false,
        format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none',
        absWorkingDir: here,
    });
    return made.outputFiles[0].contents;
}

// A notice for each package whose code is in the bundle.
function licences() {
    const names = ['preact', 'htm', 'uplot'];
    const one = (name) => {
        const folder = join(here, 'node_modules', name);
        const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json')));
        const text = readFileSync(join(folder, 'LICENSE'), 'utf8').trim();
        return `${name} ${version} (${license})\n\n${text}\n`;
    };
    return names.map(one).join(`\n${'-'.repeat(72)}\n\n`);
}

async function make() {
    const files = new Map();
    const hashed = (stem, ending, bytes) => {
        const name = `${stem}-${hash(bytes)}.${ending}`;
        files.set(name, Buffer.from(bytes));
        return `/assets/${name}`;
    };
    const icon = hashed('icon', 'svg', readFileSync(source('icon.svg')));
    const style = hashed('app', 'css', await bundle('style.css'));
    const script = hashed('app', 'js', await bundle('main.js'));
    const notices = hashed('licences', 'txt', licences());
    const page = readFileSync(source('index.html'), 'utf8')
        .replace('{{icon}}', icon).replace('{{style}}', style)
        .replace('{{script}}', script).replace('{{licences}}', notices);
    files.set('index.html', Buffer.from(page));
    files.set('status.css', Buffer.from(await bundle('status.css')));
    return files;
}

function differences(files) {
    const there = new Set(readdirSync(join(here, 'dist')));
    const wrong = [...there].filter((name) => !files.has(name)).map((n) => `${n}: not made any more`);
    for (const [name, bytes] of files)
        if (!there.has(name)) wrong.push(`${name}: missing`);
        else if (!readFileSync(join(here, 'dist', name)).equals(bytes)) wrong.push(`${name}: differs`);
    return wrong;
}

const files = await make();
if (process.argv.includes('--check')) {
    const wrong = differences(files);
    for (const line of wrong) console.log(line);
    console.log(wrong.length ? 'dist/ is not what src/ makes: run node build.mjs' : `dist/ matches: ${files.size} files`);
    process.exitCode = wrong.length ? 1 : 0;
} else {
    rmSync(join(here, 'dist'), { recursive: true, force: true });
    mkdirSync(join(here, 'dist'));
    for (const [name, bytes] of files) {
        writeFileSync(join(here, 'dist', name), bytes);
        console.log(`${String(bytes.length).padStart(8)} ${name}`);
    }
}
