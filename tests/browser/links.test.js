// What a phone's camera opens: the link of a printed code, for somebody who is here already, and one that was tampered with.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { browser, code, demo } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

const link = (scene, program = 'restaurant') => kiosk.report.address + new URL(code(kiosk.report, program, scene)).pathname;
// The end is the signature; the very last character also holds bits that must be zero.
const tampered = (scene) => link(scene).replace(/.(?=.$)/, (one) => (one === 'A' ? 'Q' : 'A'));

/** A phone at which somebody opened table 7's link. */
async function phone(t) {
  const it = await browser(t, { permissions: [], viewport: { width: 390, height: 844 } });
  await it.page.goto(link('T7'));
  await it.page.getByText('Be a visitor').click();
  await table(it.page, 7);
  return it;
}

async function table(page, number) {
  await page.locator('.program-body').getByText(`Table ${number}`, { exact: true }).first().waitFor();
  assert.equal(await page.locator('.program-body').count(), 1, 'one program on the stage');
  assert.equal(await page.evaluate(() => location.pathname), '/', 'a reload opens nothing anew');
}

const open = (page) => page.evaluate(async () => (await (await fetch('/api/state')).json()).sessions.length);

test('the link of another table shows that table, in the same tab and in a new one', { timeout: LONG }, async (t) => {
  const { context, page } = await phone(t);
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().waitFor();
  await page.goto(link('T8'));
  await table(page, 8);
  await page.reload();
  await table(page, 8);
  const other = await context.newPage();
  await other.goto(link('T9'));
  await table(other, 9);
  // From the list too, it is the table that was shown last.
  await other.locator('.bar-home').click();
  await other.locator('.rail').getByText(words.restaurant).first().click();
  await table(other, 9);

  // The table of before, with what was chosen there, and not a second time.
  await page.bringToFront();
  await page.goto(link('T7'));
  await table(page, 7);
  await page.getByRole('button', { name: words.cart }).first().waitFor();
  await page.reload();
  await table(page, 7);
  assert.equal(await open(page), 3);

  await page.goto(link('', 'counter'));
  await page.locator('.program-body').getByText('Table 7', { exact: true }).waitFor({ state: 'detached' });
  await page.locator('.program-body').waitFor();
  assert.equal(await open(page), 4);
});

test('a phone without encryption is a client too, and is not offered a camera', { timeout: LONG }, async (t) => {
  const server = createServer();
  const port = await new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
  await new Promise((done) => server.close(done));
  const lan = await demo({ more: ['--port', String(port), '--public-url', `http://kiosk.test:${port}`] });
  t.after(() => lan.stop());
  const { page } = await browser(t, { permissions: [], viewport: { width: 390, height: 844 }, args: ['--host-resolver-rules=MAP kiosk.test 127.0.0.1'] });
  await page.goto(`http://kiosk.test:${port}${new URL(code(lan.report, 'restaurant', 'T7')).pathname}`);
  assert.equal(await page.evaluate(() => isSecureContext), false, 'a control');
  await page.getByText('Be a visitor').click();
  await table(page, 7);
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  await page.locator('.sheet-payment .sheet-yes:not([aria-disabled])').click();
  await page.locator('.program-body').getByText(words.paid).first().waitFor();
  await page.locator('.sheet-subscribe .sheet-yes:not([aria-disabled])').click();
  await page.locator('.sheet').waitFor({ state: 'detached' });
  await page.locator('.bar-close').click();
  await page.locator('.receipt .dialog-actions .btn').first().click();
  await page.getByText('No camera on this connection').waitFor();
  assert.deepEqual((await page.locator('.scan-tools button').allInnerTexts()).map((name) => name.trim()), ['Picture', 'Type code']);
});

test('a tampered link says so, and no table stands there', { timeout: LONG }, async (t) => {
  const { page } = await phone(t);
  await page.goto(tampered('T8'));
  await page.getByText('The code was tampered with').waitFor();
  assert.equal(await page.locator('.program-body').count(), 0);
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await table(page, 7);
});

test('whoever came by a tampered link is on the start page afterwards', { timeout: LONG }, async (t) => {
  const { page } = await browser(t);
  await page.goto(tampered('T7'));
  await page.getByText('Be a visitor').click();
  await page.getByText('The code was tampered with').first().waitFor();
  await page.locator('.arrival').waitFor({ state: 'detached' });
  await page.locator('.person-card').waitFor();
  assert.equal(await page.getByText('Be a visitor').count(), 0, 'nobody is asked again who they are');
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
});

test('a text that is no code is told apart before anybody is asked who they are', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address);
  await page.getByRole('button', { name: 'Type code' }).click();
  await page.getByLabel('Text of the code').fill('hello');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByText('This is not a mini-program code').waitFor();
  assert.equal(await page.locator('.who').count(), 0);
});
