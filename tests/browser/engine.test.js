// What a program costs, as the engine room shows it, and what is left once somebody walked away.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { barriers, browser, demo, shot } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

/** A kiosk of its own, and a page that listens to what the host sends. */
async function start(t, more, options) {
  const kiosk = await demo({ more });
  t.after(() => kiosk.stop());
  const { page } = await browser(t, { permissions: [], ...options });
  const trouble = [];
  const frames = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(JSON.parse(payload))));
  await page.goto(kiosk.report.address);
  await page.locator('.language [data-language=en]').first().click();
  return { kiosk, page, frames, trouble };
}

/** Opens the restaurant once, so that no page waits for the compiler. */
async function warm({ address, codes }) {
  const headers = { origin: address, 'content-type': 'application/json' };
  const visitor = await fetch(`${address}/api/visitor`, { method: 'POST', headers, body: '{"language":"en"}' });
  headers.cookie = visitor.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  const { text } = codes.find(({ program }) => program.endsWith('restaurant'));
  const opened = await fetch(`${address}/api/open`, { method: 'POST', headers, body: JSON.stringify({ code: text }) });
  assert.equal(opened.status, 200, await opened.text());
}

async function restaurant(page) {
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.getByText('Be a visitor').click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
}

/** Waits until `find` finds something. */
async function until(find, what) {
  for (let tries = 0; tries < 1200; tries += 1) {
    const found = await find();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`never came: ${what}`);
}

test('the engine room shows what the host measures, and follows events', { timeout: LONG }, async (t) => {
  const { page, frames, trouble } = await start(t, ['--idle', '3600'], { viewport: { width: 1600, height: 900 } });
  const engine = page.locator('.engine');
  await engine.getByText('No program is running').waitFor();
  await restaurant(page);

  // The strip of this scan: each step a part as wide as it took, with its name and time.
  const strip = engine.locator('.engine-part').filter({ hasText: 'This scan' });
  await strip.locator('.strip-part').first().waitFor();
  const parts = await strip.locator('.strip-part').evaluateAll((all) => all.map((part) => part.getBoundingClientRect().width));
  const steps = await strip.locator('.strip-list li').allInnerTexts();
  assert.ok(parts.length > 2 && parts.every((width) => width > 0), `widths of the strip: ${parts}`);
  assert.equal(steps.length, parts.length);
  for (const step of steps) assert.match(step, /\d\s*(µs|ms|s)$/, 'a step without its time');
  assert.match(await strip.locator('.engine-total').innerText(), /[1-9].*(µs|ms|s)$/);

  const usage = () => frames.findLast((frame) => frame.t === 'usage');
  const shown = async () => ({
    memory: await engine.locator('.plot-value').nth(0).innerText(),
    cpu: await engine.locator('.plot-note').nth(1).innerText(),
    facts: await engine.locator('.engine-facts').innerText(),
    calls: await engine.locator('.engine-note').filter({ hasText: 'in all' }).innerText(),
    line: await engine.locator('.plot-line').first().getAttribute('d'),
  });
  const first = await until(usage, 'a usage frame');
  for (const name of ['memoryBytes', 'cpuUs', 'nodes', 'treeBytes']) assert.ok(first[name] > 0, `${name}: ${first[name]}`);
  await until(async () => (await shown()).facts.includes('nodes') && !/^0\b/.test((await shown()).memory), 'the first figures');
  const before = await shown();

  // What somebody does costs something, and is shown.
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  await page.locator('.sheet-payment .sheet-yes:not([aria-disabled])').waitFor();
  await page.locator('.sheet-payment').getByRole('button', { name: 'Don’t pay' }).click();
  await page.locator('.sheet').waitFor({ state: 'detached' });
  const last = await until(() => usage().events >= first.events + 4 && usage().cpuUs > first.cpuUs && usage().calls > first.calls && usage(), 'figures that grew');
  assert.ok(last.memoryBytes > 0);
  const after = await until(async () => {
    const now = await shown();
    return ['cpu', 'facts', 'calls', 'line'].every((name) => now[name] !== before[name]) && now;
  }, `texts other than ${JSON.stringify(before)}`);
  assert.match(after.memory, /^[1-9][\d.,]*\s*[KM]i?B$/);

  // Calls as they pass the gate, each with its time.
  const call = frames.findLast((frame) => frame.t === 'call' && frame.name.startsWith('payment.'));
  assert.ok(call && call.us > 0, JSON.stringify(frames.filter((frame) => frame.t === 'call')));
  const listed = await engine.locator('.calls li').filter({ hasText: call.name }).first().innerText();
  assert.match(listed, /\d\s*(µs|ms|s)$/);
  assert.deepEqual(await barriers(page), []);
  await shot(page, '31-engine');

  // Its key hides it and shows it again.
  await page.locator('.program-body').focus();
  await page.keyboard.press('e');
  await engine.waitFor({ state: 'hidden' });
  await page.keyboard.press('e');
  await engine.waitFor();
  assert.deepEqual(trouble, []);
});

test('a program that made room in the background leaves its receipt, and the person stays', { timeout: LONG }, async (t) => {
  const { kiosk, page, frames, trouble } = await start(t);
  // Without a program, the page says over HTTP that somebody is there.
  let told = 0;
  page.on('response', (response) => {
    if (response.url().endsWith('/api/person/stay') && response.ok()) told += 1;
  });
  await restaurant(page);
  await until(() => told, 'that somebody sat down');
  await page.locator('.bar-home').click();
  const tables = kiosk.report.codes.filter(({ program }) => program.endsWith('restaurant')).slice(1, 6).map(({ text }) => text);
  assert.equal(tables.length, 5, 'as many as a person may have open');
  for (const code of tables) {
    const status = await page.evaluate(async (code) => (await fetch('/api/open', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) })).status, code);
    assert.equal(status, 200, 'the sixth opens as the others');
  }
  const { receipt, seatEnded } = await until(() => frames.find((frame) => frame.t === 'ended' && frame.reason === 'pressure'), 'its end');
  assert.equal(seatEnded, undefined);
  const notice = page.locator('.toast').filter({ hasText: 'It made room for other programs' });
  await notice.click();
  const shown = page.locator('.receipt');
  await shown.getByText('It made room for other programs').waitFor();
  assert.ok(receipt.before.memoryBytes > 0 && receipt.after.rssBytes > 0);
  assert.equal(await shown.locator('.receipt-kept li').count(), receipt.kept.length);
  assert.deepEqual(await barriers(page), []);
  await page.locator('.person-card').waitFor();
  // The last program is gone from this page: what somebody does is told over HTTP now.
  await shown.locator('.dialog-actions .btn').first().click();
  told = 0;
  await until(async () => {
    await page.mouse.click(5, 5);
    return told;
  }, 'that somebody is still there');
  assert.deepEqual(trouble, []);
});

test('who walks away is asked, and then nothing of them is left', { timeout: LONG }, async (t) => {
  const { kiosk, page, frames, trouble } = await start(t, ['--idle', '45', '--warn', '20']);
  await warm(kiosk.report);
  const warning = page.getByRole('alertdialog').filter({ hasText: 'Still there?' });
  const stay = warning.getByRole('button', { name: 'I’m here' });
  // On a slow machine it may come while the test is still at work.
  await page.addLocatorHandler(warning, () => page.keyboard.press('Shift'));
  await restaurant(page);
  const canary = `canary-${randomBytes(8).toString('hex')}`;
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByLabel(words.note).fill(canary);
  await page.getByLabel(words.note).blur();
  const dom = () => page.evaluate(() => [document.documentElement.outerHTML, ...[...document.querySelectorAll('input, textarea')].map((field) => field.value)].join('\n'));
  assert.ok((await dom()).includes(canary), 'the control: never on the page');

  // The host warns; one action and everything stands where it stood.
  await page.removeLocatorHandler(warning);
  await warning.waitFor();
  assert.ok(frames.some((frame) => frame.t === 'idle' && frame.inMs > 0), 'the host did not warn');
  await shot(page, '32-idle');
  // The press alone answers: the button is gone before the finger is up.
  const { x, y, width, height } = await stay.boundingBox();
  await page.mouse.click(x + width / 2, y + height / 2);
  await warning.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel(words.note).inputValue(), canary);

  // Nobody answers the second one.
  await warning.waitFor();
  await page.locator('.who-btn').waitFor();
  await page.locator('.hero').waitFor();
  await page.locator('.scanner').waitFor();
  assert.equal(await page.locator('dialog[open], .program-body, .person-card').count(), 0);
  assert.ok(!(await dom()).includes(canary), 'what was typed is still on the page');
  assert.equal(await page.evaluate(async () => (await (await fetch('/api/state')).json()).person), null);
  const kept = await page.evaluate(async () => ({ local: { ...localStorage }, session: { ...sessionStorage }, databases: await indexedDB.databases(), caches: await globalThis.caches.keys(), cookie: document.cookie, state: history.state }));
  assert.deepEqual(kept, { local: {}, session: {}, databases: [], caches: [], cookie: '', state: null });
  assert.deepEqual(trouble, []);
});

test('the invitation goes through its pictures, and stands when it is paused', { timeout: LONG }, async (t) => {
  const { page, trouble } = await start(t, [], { reducedMotion: 'no-preference' });
  const now = () => page.locator('.hero-steps li').evaluateAll((all) => all.findIndex((li) => li.classList.contains('now')));
  const seen = new Set();
  await until(async () => seen.add(await now()).size === 3, 'all three pictures');
  await page.getByRole('button', { name: 'Pause the animation' }).click();
  await page.getByRole('button', { name: 'Play the animation' }).waitFor();
  const at = await now();
  assert.ok(await page.locator('.hero').evaluate((hero) => hero.classList.contains('paused')));
  await page.waitForTimeout(5000);
  assert.equal(await now(), at, 'it went on');
  assert.deepEqual(trouble, []);
});
