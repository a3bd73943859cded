// `youji kiosk` with the real browser: the camera without a question, and the page back after whatever ends it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { scratch, youji } from './support.js';

/** Longest wait for something that takes a second on a quiet machine. */
const PATIENCE = 120000;

/** A page in the kiosk's place, which tells when it is loaded and what became of its camera. */
function stand() {
  const heard = [];
  const waiting = new Set();
  const page = `<!doctype html><title>kiosk</title><script>
    navigator.mediaDevices.getUserMedia({ video: true }).then(() => 'allowed', (error) => error.name).then((camera) => fetch('/said/' + camera));
    fetch('/said/loaded');
    setInterval(() => fetch('/').catch(() => location.reload()), 300);
  </script>`;
  const server = createServer((request, response) => {
    if (request.url.startsWith('/said/')) {
      heard.push(request.url.slice(6));
      for (const look of waiting) look();
      return response.end();
    }
    if (request.url !== '/') return response.writeHead(404).end();
    response.setHeader('content-type', 'text/html').end(page);
  });
  const until = (what, fits) =>
    new Promise((done, fail) => {
      const timer = setTimeout(() => {
        waiting.delete(look);
        fail(new Error(`${what} did not come within ${PATIENCE} ms; heard: ${heard.join(', ')}`));
      }, PATIENCE);
      const look = () => {
        if (!fits()) return;
        clearTimeout(timer);
        waiting.delete(look);
        done();
      };
      waiting.add(look);
      look();
    });
  const times = (word) => heard.filter((one) => one === word).length;
  /** One more of each word than there is now, in time. */
  const more = (...words) => {
    const wanted = words.map((word) => [word, times(word) + 1]);
    return until(`another ${words.join(', ')}`, () => wanted.every(([word, n]) => times(word) >= n));
  };
  return { server, times, until, more, listen: (port = 0) =>
      new Promise((done, failed) => {
        server.once('error', failed);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', failed);
          done(server.address().port);
        });
      }) };
}

/** Processes below one, with their command lines. */
function below(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))[1]);
      return [{ pid: Number(name), parent, line: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      return []; // It ended meanwhile.
    }
  });
  const found = [];
  const walk = (parent) => all.filter((one) => one.parent === parent).forEach((one) => (found.push(one), walk(one.pid)));
  walk(pid);
  return found;
}

/** Inodes of sockets that wait for TCP connections. */
const listening = () => new Set(['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1).map((row) => row.trim().split(/\s+/)).filter((row) => row[3] === '0A').map((row) => row[9])));

function socketsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

const renderers = (pid) => below(pid).filter(({ line }) => line.includes('--type=renderer'));
const browsers = (pid) => below(pid).filter(({ line }) => line.includes(' --user-data-dir=') && !line.includes(' --type='));

let place;
let port;
let child;
let said = '';

before(async () => {
  place = stand();
  port = await place.listen();
  // Of these options a kiosk needs none: there is no screen here, and no camera.
  const here = ['--headless=new', '--disable-gpu', '--use-fake-device-for-media-stream'];
  child = spawn(youji, ['kiosk', '--url', `http://localhost:${port}/`, '--data', scratch('kiosk'), '--', ...here], { stdio: ['ignore', 'inherit', 'pipe'] });
  child.stderr.on('data', (bytes) => (said = (said + bytes).slice(-20000)));
  process.on('exit', () => child.kill('SIGKILL'));
});

after(async () => {
  const gone = new Promise((done) => child.on('exit', done));
  child.kill('SIGINT');
  await gone;
  place.server.closeAllConnections();
  place.server.close();
});

test('the page has the camera, and nobody was asked', { timeout: PATIENCE * 2 }, async () => {
  await place.until('"allowed"', () => place.times('loaded') > 0 && place.times('allowed') > 0);
});

test('nothing listens on a port', () => {
  const open = listening();
  const family = below(child.pid);
  assert.ok(family.length > 2, 'the browser runs');
  const found = family.filter(({ pid }) => socketsOf(pid).some((inode) => open.has(inode)));
  assert.deepEqual(found.map(({ line }) => line), []);
});

test('only root runs it without a sandbox', () => {
  const [main] = browsers(child.pid);
  assert.equal(main.line.includes('--no-sandbox'), process.getuid() === 0);
});

test('a page that crashes comes back', { timeout: PATIENCE * 2 }, async () => {
  const was = renderers(child.pid);
  assert.ok(was.length > 0, 'no process draws the page');
  const back = place.more('loaded', 'allowed');
  for (const { pid } of was) process.kill(pid, 'SIGKILL');
  await back;
  const now = renderers(child.pid).map(({ pid }) => pid);
  assert.ok(!was.some(({ pid }) => now.includes(pid)));
  assert.match(said, /The page crashed/);
});

test('a page that found nobody is there again when the kiosk is', { timeout: PATIENCE * 2 }, async () => {
  await new Promise((done) => {
    place.server.close(done);
    place.server.closeAllConnections();
  });
  // The page reloads, and stands on the browser's own error page.
  while (!said.includes('Waiting for')) await later(50);
  const back = place.more('loaded', 'allowed');
  // Another process may have been given the port meanwhile.
  for (;;) {
    try {
      await place.listen(port);
      break;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
      await later(200);
    }
  }
  await back;
});

test('a browser that is killed comes back', { timeout: PATIENCE * 2 }, async () => {
  const back = place.more('loaded', 'allowed');
  const [main] = browsers(child.pid);
  process.kill(main.pid, 'SIGKILL');
  await back;
  assert.match(said, /The browser ended/);
});
