// The main job in a real browser: a code before the camera, an order, a payment, the kitchen, the message, and nothing left.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { barriers, browser, code, demo, film, shot } from './support.js';
import { DISH, PRICE, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;
let address;

before(async () => {
  kiosk = await demo();
  address = kiosk.report.address;
}, { timeout: LONG });

after(() => kiosk?.stop());

const english = (page) => page.locator('.language [data-language=en]').first().click();

async function start(t, options) {
  const it = await browser(t, options);
  const trouble = [];
  it.page.on('pageerror', (error) => trouble.push(String(error)));
  it.page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
  await it.page.goto(address);
  await english(it.page);
  return { ...it, trouble };
}

/** Waits until the host has drawn a sheet, checks it, and answers it. */
async function answer(page, kind, yes, name) {
  const sheet = page.locator(`.sheet-${kind}`);
  await sheet.waitFor();
  assert.deepEqual(await barriers(page), [], `barriers on the ${kind} sheet`);
  if (name) await shot(page, name);
  const pin = sheet.locator('input[data-pin]');
  if (yes && (await pin.count())) await pin.fill(page.pin);
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  await sheet.getByRole('button').filter({ hasText: yes ? /^(Pay|Allow)/ : /^Don’t/ }).last().click();
  await sheet.waitFor({ state: 'detached' });
}

async function signIn(page, codeName) {
  const person = kiosk.report.people.find((known) => known.code === codeName);
  page.pin = person.pin;
  await page.locator('.who-btn').click();
  await page.getByText('Sign in with a personal code').click();
  await page.getByLabel('Personal code').fill(person.code);
  await page.getByLabel('PIN').fill(person.pin);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.who-btn').waitFor({ state: 'detached' });
}

/** What the operator sees, asked for with the PIN that the demonstration printed. */
async function summary() {
  const headers = { origin: address, 'content-type': 'application/json' };
  const entered = await fetch(`${address}/api/operator/sign-in`, { method: 'POST', headers, body: JSON.stringify({ pin: kiosk.report.operatorPin }) });
  assert.ok(entered.ok, await entered.text());
  headers.cookie = entered.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  return (await fetch(`${address}/api/operator/summary`, { headers })).json();
}

/** Says at the host's own question that they go, and waits for the start page. */
async function leave(page) {
  await page.getByRole('button', { name: 'Leave', exact: true }).first().click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Leave', exact: true }).click();
  await page.locator('.who-btn').waitFor();
}

/** The answer to a GET of the page, with its cookie. */
const get = (page, path) => page.evaluate((path) => fetch(path).then(async (answer) => ({ status: answer.status, body: await answer.json() })), path);

/** From the menu to the payment sheet. */
async function order(page) {
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
}

test('a visitor scans, orders, pays, is called, and leaves nothing', { timeout: LONG }, async (t) => {
  const camera = film([[null, 2], [code(kiosk.report, 'restaurant', 'T7'), 4], [null, 1]]);
  const { page, trouble } = await start(t, { camera });
  await shot(page, '01-start');
  const morning = await summary();
  const visitors = (people) => people.filter((one) => one.visitor).length;
  assert.equal(visitors(morning.people), 0, 'a visitor before anybody came');
  assert.deepEqual(await barriers(page), [], 'barriers on the start page');

  // The camera sees the table, then the code; without a person the kiosk asks who it is.
  await page.getByText('Be a visitor').click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
  await shot(page, '02-menu');
  assert.deepEqual(await barriers(page), [], 'barriers on the menu');
  assert.ok((await page.locator('.program').innerText()).includes(words.table), 'the table of the code is known');
  const wallet = Number((await get(page, '/api/person')).body.balance);

  await order(page);
  await answer(page, 'payment', false);
  await page.getByRole('button', { name: words.pay }).click();
  await answer(page, 'payment', true, '03-payment');
  await page.locator('.program-body').getByText(words.paid).first().waitFor();
  await shot(page, '04-paid');
  // The program asks whether it may call.
  await answer(page, 'subscribe', true, '05-subscribe');

  // A reload loses nothing: the same session, the same view.
  await page.reload();
  await page.locator('.program-body').getByText(words.paid).first().waitFor();

  // The kitchen, on another device.
  const staff = await start(t, { permissions: [] });
  await signIn(staff.page, 'chef');
  await staff.page.locator('.rail').getByText(words.restaurant).first().click();
  await staff.page.getByRole('button', { name: words.kitchen }).first().click();
  await staff.page.getByText(`1 × ${DISH}`).first().waitFor();
  await shot(staff.page, '06-kitchen');
  assert.deepEqual(await barriers(staff.page), [], 'barriers in the kitchen');
  await staff.page.getByRole('button', { name: words.start }).first().click();
  await staff.page.getByRole('button', { name: words.markReady }).first().click();

  await page.locator('.toast').getByText('Your order is ready').waitFor();
  await page.locator('.program-body').getByText(words.ready).first().waitFor();
  await shot(page, '07-ready');

  await page.locator('.bar-close').click();
  await page.locator('.receipt').waitFor();
  await page.getByText('Unloaded', { exact: true }).waitFor();
  await shot(page, '08-receipt');
  assert.deepEqual(await barriers(page), [], 'barriers on the receipt');

  // One charge: in the visitor's receipts, in their wallet, and in the day's figures.
  const { receipts } = (await get(page, '/api/person/receipts')).body;
  assert.deepEqual(receipts.map(({ amount }) => Number(amount)), [PRICE], 'charges of the visitor');
  assert.equal(Number((await get(page, '/api/person')).body.balance), wallet - PRICE);
  const paid = await summary();
  assert.equal(paid.day.orders - morning.day.orders, 1, 'orders of the day');
  assert.equal(Number(paid.day.turnover) - Number(morning.day.turnover), PRICE, 'turnover of the day');
  assert.equal(visitors(paid.people), 1);

  await leave(page);
  await page.locator('.scanner').waitFor();
  // Before the page itself is made to ask for somebody who is gone, which the browser logs.
  assert.deepEqual([...trouble, ...staff.trouble], [], 'errors on a page');
  assert.equal((await get(page, '/api/state')).body.person, null, 'somebody still sits at the seat');
  assert.equal((await get(page, '/api/person')).body.code, 'no-person');
  const after = await summary();
  assert.equal(visitors(after.people), 0, 'the visitor is still known');
  assert.deepEqual([after.day.orders, after.day.turnover], [paid.day.orders, paid.day.turnover], 'leaving charged or gave back');
});

test('what a visitor typed is nowhere in the browser after leaving', { timeout: LONG }, async (t) => {
  const canary = `canary-${randomBytes(8).toString('hex')}`;
  const { context, page, profile } = await start(t);
  await page.locator('.who-btn').click();
  await page.getByText('Be a visitor').click();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByLabel(words.note).fill(canary);
  await page.getByLabel(words.note).blur();
  const dom = () => page.evaluate(() => [document.documentElement.outerHTML, ...[...document.querySelectorAll('input, textarea')].map((field) => field.value)].join('\n'));
  // The control: before leaving it is there.
  assert.ok((await dom()).includes(canary), 'the canary was never on the page');

  await leave(page);
  assert.ok(!(await dom()).includes(canary), 'still in the page');
  const kept = await page.evaluate(async () => {
    const caches = globalThis.caches ? await globalThis.caches.keys() : [];
    const databases = (await indexedDB.databases?.()) ?? [];
    return { local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage), caches, databases: databases.map(({ name }) => name), cookie: document.cookie, history: history.state };
  });
  assert.deepEqual(kept, { local: '{}', session: '{}', caches: [], databases: [], cookie: '', history: null });
  assert.deepEqual(await context.cookies(), [], 'a cookie stays');
  await context.close();
  const holding = (text) => files(profile).filter((file) => readFileSync(file).includes(text));
  assert.deepEqual(holding(canary), [], 'in the browser’s files');

  // The control: what a page of the same origin does keep in this profile, the same search finds.
  const planted = canary.replace('canary', 'planted');
  const again = await browser(t, { profile });
  await again.page.goto(address);
  await again.page.evaluate((planted) => localStorage.setItem('kept', planted), planted);
  await again.context.close();
  assert.notDeepEqual(holding(planted), [], 'the search finds nothing that is there');
  assert.deepEqual(holding(canary), [], 'in the browser’s files');
});

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const about = statSync(path, { throwIfNoEntry: false });
    if (!about) return [];
    return about.isDirectory() ? files(path) : about.isFile() ? [path] : [];
  });
}

test('a page of another origin can neither call the kiosk nor frame it', { timeout: LONG }, async (t) => {
  const elsewhere = createServer((request, response) => response.setHeader('content-type', 'text/html').end('<title>elsewhere</title>'));
  t.after(() => elsewhere.close());
  await new Promise((done) => elsewhere.listen(0, '127.0.0.1', done));
  const { context, page } = await browser(t, { permissions: [] });
  await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
  const tried = await page.evaluate(async (kiosk) => {
    const call = (path, options) => fetch(kiosk + path, { credentials: 'include', ...options }).then((answer) => `${answer.type} ${answer.status}`, () => 'refused');
    const socket = (path) =>
      new Promise((done) => {
        const it = new WebSocket(kiosk.replace('http', 'ws') + path);
        it.onopen = () => done('open');
        it.onerror = () => done('refused');
      });
    return {
      read: await call('/api/state'),
      act: await call('/api/visitor', { method: 'POST', body: '{"language":"en"}', headers: { 'content-type': 'application/json' } }),
      simple: await call('/api/reset', { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } }),
      blind: await call('/api/visitor', { method: 'POST', mode: 'no-cors', body: '{"language":"en"}' }),
      socket: await socket('/api/session/0000000000000001/socket'),
    };
  }, address);
  assert.deepEqual(tried, { read: 'refused', act: 'refused', simple: 'refused', blind: 'refused', socket: 'refused' });
  // What went out blindly made nobody.
  assert.deepEqual(await context.cookies(), []);
  const framed = async (at) => {
    // It loads in any case: the document, or the browser's own error page in its place.
    await page.evaluate(
      (at) =>
        new Promise((done) => {
          const frame = document.createElement('iframe');
          frame.onload = frame.onerror = () => done();
          frame.src = at;
          document.body.replaceChildren(frame);
        }),
      at,
    );
    return page.frames().some((frame) => frame.url().startsWith(at));
  };
  // The control: what may be framed is.
  while (!(await framed(`http://localhost:${elsewhere.address().port}/framed`))) await later(50);
  assert.ok(!(await framed(address)), 'the kiosk let itself be framed');
});

for (const [name, options, wanted] of [
  ['refused', { permissions: [] }, /camera was not allowed|Start the camera/],
  ['absent', { permissions: ['camera'] }, /No camera found/],
]) {
  test(`a camera that is ${name} leaves the other ways`, { timeout: LONG }, async (t) => {
    const { page } = await start(t, options);
    await page.getByText(wanted).first().waitFor();
    await shot(page, `09-camera-${name}`);
    await page.getByRole('button', { name: 'Type code' }).click();
    await page.getByLabel('Text of the code').fill('https://elsewhere.example/hello');
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByText('Be a visitor').click();
    await page.getByText(/web address|not a mini-program/).first().waitFor();
  });
}

for (const [name, viewport] of [['phone', { width: 320, height: 640 }], ['portrait', { width: 800, height: 1280 }], ['wide', { width: 1920, height: 1080 }]]) {
  test(`nothing is cut off on a ${name} screen`, { timeout: LONG }, async (t) => {
    const { page } = await start(t, { viewport });
    await shot(page, `10-${name}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `the page is ${over} px wider than the screen`);
    assert.deepEqual(await barriers(page), []);
  });
}
