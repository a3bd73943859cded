// The operator's page: the PIN, money for a person, a publisher switched off and on, posters, the camera, and the way back to nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, browser, code, demo, film, shot } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;
let address;

before(async () => {
  kiosk = await demo();
  address = kiosk.report.address;
}, { timeout: LONG });

after(() => kiosk?.stop());

/** The operator's page behind its PIN. */
async function operator(t, options) {
  const it = await browser(t, { permissions: [], ...options });
  const trouble = [];
  it.page.on('pageerror', (error) => trouble.push(String(error)));
  await it.page.goto(`${address}/operator`);
  await it.page.locator('.language [data-language=en]').first().click();
  await it.page.getByLabel('Operator PIN').fill(kiosk.report.operatorPin);
  await it.page.getByRole('button', { name: 'Enter', exact: true }).click();
  await it.page.locator('.op-day').waitFor();
  return { ...it, trouble };
}

/** A visitor on the start page. */
async function visitor(t) {
  const it = await browser(t, { permissions: [] });
  await it.page.goto(address);
  await it.page.locator('.language [data-language=en]').first().click();
  await it.page.locator('.who-btn').click();
  await it.page.getByText('Be a visitor').click();
  await it.page.locator('.person-card').waitFor();
  return it;
}

const asked = (page, path) => page.evaluate((path) => fetch(path).then(async (answer) => ({ status: answer.status, body: await answer.json() })), path);
const cents = (amount) => Math.round(Number(amount) * 100);

test('nobody gets in with a wrong PIN, and nothing of it is there without one', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(`${address}/operator`);
  await page.locator('.language [data-language=en]').first().click();
  await page.getByLabel('Operator PIN').fill('not-it');
  await page.getByRole('button', { name: 'Enter', exact: true }).click();
  await page.getByText('That is not the PIN').waitFor();
  assert.equal(await page.getByLabel('Operator PIN').inputValue(), '', 'a wrong PIN stays in the field');
  assert.equal(await page.locator('.op-day').count(), 0);
  for (const path of ['/api/operator/summary', '/api/operator/posters']) assert.ok([401, 403].includes((await asked(page, path)).status), path);

  // The right one, and out again.
  await page.getByLabel('Operator PIN').fill(kiosk.report.operatorPin);
  await page.getByRole('button', { name: 'Enter', exact: true }).click();
  await page.locator('.op-day').waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers on the operator’s page');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByLabel('Operator PIN').waitFor();
  assert.ok([401, 403].includes((await asked(page, '/api/operator/summary')).status), 'still signed in');
});

test('a person is topped up, and sees it', { timeout: LONG }, async (t) => {
  const { page, trouble } = await operator(t);
  const balance = async () => cents((await asked(page, '/api/operator/summary')).body.people.find((one) => one.code === 'anna').balance);
  const before = await balance();
  const row = page.locator('.row-item').filter({ hasText: 'Code anna' });
  await row.getByRole('button', { name: /^Top up/ }).click();
  const amount = page.getByLabel(/^Amount/);
  await amount.fill('a lot');
  const add = page.locator('dialog[open]').getByRole('button', { name: 'Top up', exact: true });
  await add.click();
  await page.getByText('Not an amount', { exact: true }).waitFor();
  assert.equal(await balance(), before, 'a word was taken for an amount');
  await amount.fill('12.50');
  await add.click();
  await page.locator('.toast').getByText(/12\.50 added for/).waitFor();
  assert.equal(await balance(), before + 1250);
  const now = new RegExp(((before + 1250) / 100).toFixed(2).replace('.', '\\.'));
  await row.locator('.row-amount').filter({ hasText: now }).waitFor();

  const person = kiosk.report.people.find((known) => known.code === 'anna');
  const { page: theirs } = await browser(t, { permissions: [] });
  await theirs.goto(address);
  await theirs.locator('.language [data-language=en]').first().click();
  await theirs.locator('.who-btn').click();
  await theirs.getByText('Sign in with a personal code').click();
  await theirs.getByLabel('Personal code').fill(person.code);
  await theirs.getByLabel('PIN').fill(person.pin);
  await theirs.getByRole('button', { name: 'Sign in', exact: true }).click();
  await theirs.locator('.person-balance').filter({ hasText: now }).waitFor();
  assert.deepEqual(trouble, []);
});

test('programs of a publisher that is switched off can’t be opened, until it is on again', { timeout: LONG }, async (t) => {
  const { page, trouble } = await operator(t);
  const { page: theirs } = await visitor(t);
  const { publishers } = (await asked(page, '/api/operator/summary')).body;
  // The demonstration's own, which published the restaurant.
  const row = page.locator('.row-item').filter({ has: page.locator('.w-switch-row') }).first();
  assert.equal(publishers.length, await page.locator('.w-switch-row').count());
  const set = async (allowed) => {
    await row.locator('.w-switch-row').click();
    await page.waitForFunction((allowed) => fetch('/api/operator/summary').then((answer) => answer.json()).then(({ publishers }) => publishers[0].allowed === allowed), allowed);
  };
  const scan = async () => {
    await theirs.getByRole('button', { name: 'Type code' }).click();
    await theirs.getByLabel('Text of the code').fill(code(kiosk.report, 'restaurant', 'T7'));
    await theirs.getByRole('button', { name: 'Open', exact: true }).click();
  };
  await set(false);
  await scan();
  await theirs.locator('.problem').filter({ hasText: 'The publisher is not allowed here' }).waitFor();
  assert.equal(await theirs.locator('.program-body').count(), 0);
  await set(true);
  await theirs.getByRole('button', { name: 'Open', exact: true }).click();
  await theirs.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
  assert.deepEqual(trouble, []);
});

test('a reset clears every seat, and the balances of known people stay', { timeout: LONG }, async (t) => {
  const { page, trouble } = await operator(t);
  const guest = await visitor(t);
  await guest.page.locator('.rail').getByText(words.restaurant).first().click();
  await guest.page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
  const summary = async () => (await asked(page, '/api/operator/summary')).body;
  const before = await summary();
  assert.ok(before.live.length > 0 && before.people.some((one) => one.visitor), 'the control: nothing to clear');
  await page.locator('.w-table').getByText(words.restaurant).first().waitFor();

  await page.getByRole('button', { name: 'Reset everything' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Stay' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  assert.ok((await summary()).live.length > 0, 'reset without a yes');
  await page.getByRole('button', { name: 'Reset everything' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Reset everything' }).click();
  await page.locator('.toast').getByText('Reset.').waitFor();
  await page.getByText('No program is running.').waitFor();
  const after = await summary();
  assert.deepEqual([after.live, after.people.filter((one) => one.visitor)], [[], []]);
  const known = (people) => people.filter((one) => !one.visitor).map(({ code, balance }) => [code, balance]);
  assert.deepEqual(known(after.people), known(before.people));
  // The page of the one who was sent away follows by itself.
  await guest.page.locator('.who-btn').waitFor();
  assert.equal((await asked(guest.page, '/api/state')).body.person, null);
  assert.deepEqual(trouble, []);
});

test('posters show their codes, and the camera is checked', { timeout: LONG }, async (t) => {
  const printed = code(kiosk.report, 'restaurant', 'T7');
  const { context, page, trouble } = await operator(t, { permissions: ['camera'], camera: film([[printed, 10]]) });
  const [posters] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Print posters' }).click()]);
  await posters.locator('.card .code').first().waitFor();
  const read = [];
  for (const poster of await posters.locator('.card .code').all()) {
    const picture = await poster.screenshot();
    read.push(
      ...(await page.evaluate(
        (picture) => fetch('/api/decode', { method: 'POST', headers: { 'content-type': 'image/png' }, body: Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0)) }).then((answer) => answer.json()),
        picture.toString('base64'),
      )).codes,
    );
  }
  // What is on the paper opens what the demonstration printed.
  const missing = kiosk.report.codes.map(({ text }) => text).filter((text) => !read.includes(text));
  assert.deepEqual(missing, [], `read from the posters: ${JSON.stringify(read)}`);
  await shot(posters, '30-posters');
  await posters.close();

  await page.getByRole('button', { name: 'Check the camera' }).click();
  const said = page.locator('dialog.camera-check').getByRole('status');
  await said.filter({ hasText: 'The camera works: 640 × 480' }).filter({ hasText: printed }).waitFor();
  await page.keyboard.press('Escape');
  await said.waitFor({ state: 'detached' });
  assert.deepEqual(trouble, []);
});
