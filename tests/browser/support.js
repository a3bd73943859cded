// What browser tests need: a demonstration on a free port, Debian's Chromium, a camera that shows a code.

import { spawn, execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
export const workspace = resolve(here, '../..');
export const screens = join(workspace, 'target/screens');
mkdirSync(screens, { recursive: true });

const target = process.env.CARGO_TARGET_DIR ? resolve(workspace, process.env.CARGO_TARGET_DIR) : join(workspace, 'target');
export const youji = process.env.YOUJI ?? join(target, 'debug/youji');

const folders = [];
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder that goes with the process. */
export function scratch(name) {
  const folder = mkdtempSync(join(tmpdir(), `youji-${name}-`));
  folders.push(folder);
  return folder;
}

/**
 * `youji demo` on a folder of its own. `report` is what it printed; `stop()` ends it as Ctrl+C would. On a slow machine a page may be left
 * alone for minutes while another one is started: nobody is sent away for it, unless the test is about that.
 */
export async function demo({ data = scratch('data'), more = [] } = {}) {
  const idle = more.includes('--idle') ? [] : ['--idle', '3600'];
  const port = more.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(youji, ['demo', '--json', '--no-open', ...port, '--data', data, ...idle, ...more], { cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => (said = (said + bytes).slice(-20000)));
  const gone = new Promise((done) => child.on('exit', (code) => done(code)));
  process.on('exit', () => child.kill('SIGKILL'));
  const line = new Promise((done) => createInterface({ input: child.stdout }).once('line', done));
  const first = await Promise.race([line, gone]);
  if (typeof first !== 'string') throw new Error(`youji demo ended with ${first}: ${said}`);
  return {
    data,
    report: JSON.parse(first),
    said: () => said,
    stop: async () => {
      child.kill('SIGINT');
      const code = await gone;
      if (code !== 0) throw new Error(`youji demo ended with ${code}: ${said}`);
    },
  };
}

function findChromium() {
  const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
  if (!found) throw new Error('Chromium is missing: apt-get install chromium, or name it in CHROMIUM');
  return found;
}

/** A browser profile of its own, closed when the test `t` ends; `camera` is a .y4m file, or nothing for no camera. */
export async function browser(t, { camera, permissions = ['camera'], profile = scratch('profile'), viewport = { width: 1280, height: 800 }, args = [], ...more } = {}) {
  const media = camera ? ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${camera}`] : ['--use-fake-device-for-media-stream=device-count=0'];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(),
    headless: true,
    permissions,
    viewport,
    locale: 'en-US',
    reducedMotion: 'reduce',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...media, ...args],
    ...more,
  });
  t.after(() => context.close());
  // Openings compile, unoptimised, on a machine that may have other things to do.
  context.setDefaultTimeout(120000);
  return { context, profile, page: context.pages()[0] ?? (await context.newPage()) };
}

/** The dark modules of a code, with its quiet zone, as rows of booleans: from the SVG that `youji qr` draws. */
export function modules(text) {
  const file = join(scratch('qr'), 'code.svg');
  execFileSync(youji, ['qr', text, '--svg', file], { cwd: workspace });
  const svg = readFileSync(file, 'utf8');
  const side = Number(/viewBox="0 0 (\d+)/.exec(svg)[1]);
  const rows = Array.from({ length: side }, () => Array(side).fill(false));
  for (const [, x, y, run] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1/g)) rows[y].fill(true, Number(x), Number(x) + Number(run));
  return rows;
}

const SIZE = { width: 640, height: 480 };

/** Grey pixels of one camera picture: a code in its middle, or a bare table. */
function picture(rows) {
  const { width, height } = SIZE;
  const grey = Buffer.alloc(width * height, 150);
  if (!rows) return grey;
  const module = Math.floor((height * 0.7) / rows.length);
  const left = Math.floor((width - rows.length * module) / 2);
  const top = Math.floor((height - rows.length * module) / 2);
  rows.forEach((row, y) => {
    row.forEach((dark, x) => {
      for (let line = 0; line < module; line++) {
        const from = (top + y * module + line) * width + left + x * module;
        grey.fill(dark ? 25 : 235, from, from + module);
      }
    });
  });
  return grey;
}

/** A film for the fake camera, which loops: each scene is a text to show as a code, or null for nothing, and for how many seconds. */
export function film(scenes) {
  const rate = 10;
  const file = join(scratch('film'), 'camera.y4m');
  const out = openSync(file, 'w');
  const chroma = Buffer.alloc((SIZE.width * SIZE.height) / 2, 128);
  writeSync(out, `YUV4MPEG2 W${SIZE.width} H${SIZE.height} F${rate}:1 Ip A1:1 C420jpeg\n`);
  for (const [text, seconds] of scenes) {
    const grey = picture(text && modules(text));
    for (let frame = 0; frame < seconds * rate; frame++) {
      writeSync(out, 'FRAME\n');
      writeSync(out, grey);
      writeSync(out, chroma);
    }
  }
  closeSync(out);
  return file;
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong on the page, as short lines. */
export async function barriers(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  return found.violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => `${node.target} ${node.failureSummary?.split('\n')[1] ?? ''}`).slice(0, 3).join('; ')})`);
}

/** Takes a picture for people to look at. */
export const shot = (page, name) => page.screenshot({ path: join(screens, `${name}.png`) });

/** The scan code that the demonstration printed for a program and scene. */
export function code(report, program, scene = '') {
  const found = report.codes.find((printed) => printed.program.endsWith(program) && printed.scene === scene);
  if (!found) throw new Error(`no code of ${program} at "${scene}" in ${JSON.stringify(report.codes)}`);
  return found.text;
}
