// A merchant's staff collect at their own seat and give back; the operator makes a key, sees notifications and sends one again; a payer releases what is held.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, shot } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo({ more: ['--idle', '3600', '--notify-private'] });
}, { timeout: LONG });

after(() => kiosk?.stop());

async function start(t, { language = 'en', path = '', ...options } = {}) {
  const it = await browser(t, { permissions: [], ...options });
  const trouble = [];
  it.page.on('pageerror', (error) => trouble.push(String(error)));
  await it.page.goto(kiosk.report.address + path);
  await it.page.locator(`.language [data-language=${language}]`).first().click();
  return { ...it, trouble };
}

async function signIn(page, codeName) {
  const person = kiosk.report.people.find((known) => known.code === codeName);
  await page.locator('.who-btn').click();
  await page.getByText('Sign in with a personal code').click();
  await page.getByLabel('Personal code').fill(person.code);
  await page.getByLabel('PIN').fill(person.pin);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.person-card').waitFor();
  return person;
}

async function visitor(t) {
  const it = await start(t);
  await it.page.locator('.who-btn').click();
  await it.page.getByText('Be a visitor').click();
  await it.page.locator('.person-card').waitFor();
  return it;
}

async function operator(t) {
  const it = await start(t, { path: '/operator' });
  await it.page.getByLabel('Operator PIN').fill(kiosk.report.operatorPin);
  await it.page.getByRole('button', { name: 'Enter', exact: true }).click();
  await it.page.locator('.op-day').waitFor();
  return it;
}

test('staff collect with a customer’s code and give a part back', { timeout: LONG }, async (t) => {
  const customer = await visitor(t);
  await customer.page.locator('.card-entry').filter({ hasText: 'Payment code' }).click();
  const digits = await customer.page.locator('.pay-code-digits').innerText();
  const { page, trouble } = await start(t);
  await signIn(page, 'chef');
  await page.locator('.card-entry').filter({ hasText: 'Collect' }).click();
  const till = page.locator('dialog[open]');
  const collect = till.getByRole('button', { name: 'Collect', exact: true });
  // Mistyped: said in place, and nothing moved.
  await till.getByLabel(/^Amount in/).fill('12.50');
  await till.getByLabel('Customer’s code').fill(digits.slice(0, -1) + ((Number(digits.at(-1)) + 1) % 10));
  await collect.click();
  await till.locator('.problem').waitFor();
  await till.getByLabel('Customer’s code').fill(digits);
  await collect.click();
  await page.locator('.toast').getByText(/^Got .*12\.50/).waitFor();
  const row = till.locator('.row-item').filter({ hasText: '12.50' });
  await row.getByText(/^Paid/).waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers at the counter');
  await shot(page, '40-counter-en');
  await customer.page.locator('.toast').getByText('Your payment code').waitFor();
  // The same code once more pays nothing.
  await till.getByLabel(/^Amount in/).fill('1');
  await till.getByLabel('Customer’s code').fill(digits);
  await collect.click();
  await till.locator('.problem').getByText('The code was used before').waitFor();
  await row.getByRole('button', { name: /^Give back/ }).click();
  await page.getByLabel(/^Amount in/).last().fill('2.50');
  await page.locator('dialog[open]').last().getByRole('button', { name: 'Give back', exact: true }).click();
  await till.getByText(/2\.50 given back/).waitFor();
  const theirs = await customer.page.evaluate(() => fetch('/api/person').then((answer) => answer.json()));
  assert.equal(theirs.balance, '190.00', 'the customer has what they did not pay');
  assert.deepEqual(trouble, [], 'errors on the page');
});

test('the counter and the merchants’ panel read in Chinese on a phone', { timeout: LONG }, async (t) => {
  const phone = { viewport: { width: 390, height: 844 } };
  const { page, trouble } = await start(t, phone);
  await signIn(page, 'chef');
  await page.locator('.language [data-language=zh]').first().click();
  await page.locator('.card-entry').filter({ hasText: '收款' }).click();
  await page.locator('dialog[open]').getByLabel('顾客的付款码').waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers at the counter');
  await shot(page, '41-counter-zh-phone');
  assert.deepEqual(trouble, [], 'errors on the page');
});

test('the operator makes a key that is shown once, sees a notification and sends it again, and revokes the key', { timeout: LONG }, async (t) => {
  const got = [];
  const receiver = createServer((request, response) => {
    got.push(request.headers['webhook-id']);
    request.resume();
    response.writeHead(got.length === 1 ? 500 : 200).end();
  });
  await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
  t.after(() => receiver.close());
  const { page, trouble } = await operator(t);
  await page.getByRole('button', { name: 'Merchants and keys' }).click();
  const panel = page.locator('dialog[open]').first();
  await panel.getByRole('button', { name: /^Make a key/ }).first().click();
  const maker = page.locator('dialog[open]').last();
  await maker.getByLabel('What is it for?').fill('till');
  await maker.getByRole('button', { name: 'Make a key', exact: true }).click();
  const token = await maker.getByLabel('The key').inputValue();
  assert.match(token, /^ymk_[a-z2-7]+_[\w-]{43}$/);
  assert.deepEqual(await barriers(page), [], 'barriers beside the key');
  await shot(page, '42-key-once');
  await maker.getByRole('button', { name: 'I have it' }).click();
  await page.getByLabel('The key').waitFor({ state: 'detached' });
  await panel.getByText('till', { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(token.slice(-43)), 'the secret is still on the page');

  // The key works: an intent that a visitor pays, whose notification is answered 500.
  const made = await fetch(`${kiosk.report.address}/v1/payment_intents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'one', 'content-type': 'application/json' },
    body: JSON.stringify({ order: 'W-1', description: 'A lamp', amount: '20.00', currency: 'CNY', mode: 'escrow', notify_url: `http://127.0.0.1:${receiver.address().port}/hook` }),
  });
  assert.equal(made.status, 201, await made.clone().text());
  const intent = await made.json();
  const payer = await visitor(t);
  await payer.page.goto(intent.pay_url.replace(/^https?:\/\/[^/]+/, kiosk.report.address));
  await payer.page.locator('.sheet-payment .sheet-yes:not([aria-disabled])').click();
  await payer.page.locator('.sheet-payment').waitFor({ state: 'detached' });

  await panel.getByRole('button', { name: /^Notifications/ }).first().click();
  const list = page.locator('dialog[open]').last();
  const row = list.locator('.row-item').filter({ hasText: intent.id });
  await row.getByText('Held', { exact: true }).waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers in the list');
  await shot(page, '43-notifications');
  const before = got.length;
  await row.getByRole('button', { name: /^Send again/ }).click();
  await page.locator('.toast').getByText('It is sent again now').waitFor();
  for (let wait = 0; got.length <= before && wait < 600; wait += 1) await new Promise((done) => setTimeout(done, 100));
  assert.ok(got.length > before && new Set(got).size === 1, `one id: ${got}`);
  await list.locator('.dialog-head .icon-btn').click();
  await row.waitFor({ state: 'detached' });

  // What is held stands on the payer's receipt, and goes with a tap.
  await payer.page.locator('.card-entry').filter({ hasText: 'Receipts' }).click();
  const receipt = payer.page.locator('dialog[open] .row-item').filter({ hasText: 'A lamp' });
  await receipt.getByText(/20\.00 are held/).waitFor();
  assert.deepEqual(await barriers(payer.page), [], 'barriers on the receipt');
  await shot(payer.page, '44-held');
  await receipt.getByRole('button', { name: 'I have it: pay' }).click();
  await payer.page.getByRole('alertdialog').getByRole('button', { name: 'I have it: pay' }).click();
  await receipt.getByText(/20\.00 went to the merchant/).waitFor();

  await panel.getByRole('button', { name: 'Revoke: till' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await panel.getByText(/^Revoked/).waitFor();
  const late = await fetch(`${kiosk.report.address}/v1/balance`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(late.status, 401, 'a revoked key opens something');
  assert.deepEqual([...trouble, ...payer.trouble], [], 'errors on the page');
});
