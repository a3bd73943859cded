// Payments that need no PIN after one that had it, a merchant's printed code, and the code that a person shows.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, shot, scratch, youji } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;
let printed;

before(async () => {
  // What is printed needs the folder; the kiosk has it afterwards.
  const data = scratch('data');
  const first = await demo({ data });
  await first.stop();
  const emv = (...more) => JSON.parse(execFileSync(youji, ['qr', '--emv', '--program', 'youji.restaurant', '--json', '--data', data, ...more], { encoding: 'utf8' })).text;
  printed = { open: emv(), bill: emv('--amount', '12.50', '--reference', 'Table 7') };
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

async function start(t, language = 'en') {
  const it = await browser(t, { permissions: [] });
  const trouble = [];
  it.page.on('pageerror', (error) => trouble.push(String(error)));
  await it.page.goto(kiosk.report.address);
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
  await page.locator('.who-btn').waitFor({ state: 'detached' });
  return person;
}

async function order(page) {
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  await page.locator('.sheet-payment').waitFor();
}

const yes = (page) => page.locator('.sheet-payment .sheet-yes:not([aria-disabled])');

async function type(page, code) {
  await page.getByRole('button', { name: 'Type code' }).click();
  await page.getByLabel('Text of the code').fill(code);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
}

test('a PIN allows further payments with a tap, seen and ended on the page', { timeout: LONG }, async (t) => {
  const { page, trouble } = await start(t);
  const person = await signIn(page, 'anna');
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await order(page);
  const sheet = page.locator('.sheet-payment');
  // Off unless chosen.
  assert.ok(await sheet.getByLabel('No, ask each time').isChecked());
  await sheet.getByLabel(/^Up to .*200\.00/).check();
  await sheet.locator('input[data-pin]').fill(person.pin);
  assert.deepEqual(await barriers(page), [], 'barriers on the sheet');
  await shot(page, '30-spending-sheet');
  await yes(page).click();
  await sheet.waitFor({ state: 'detached' });
  // The program asks whether it may call, above everything.
  const asks = page.locator('.sheet-subscribe');
  await asks.getByRole('button', { name: 'Don’t allow' }).click();
  await asks.waitFor({ state: 'detached' });
  const stands = page.locator('.bar-allowed li');
  await stands.getByText(/200\.00 more without PIN/).waitFor();
  await shot(page, '31-spending-stands');
  assert.deepEqual(await barriers(page), [], 'barriers where it stands');
  assert.deepEqual(trouble, [], 'errors on the page');
  await stands.getByRole('button', { name: 'End it' }).click();
  await stands.waitFor({ state: 'detached' });
});

test('a merchant’s printed code asks on the host’s own sheet', { timeout: LONG }, async (t) => {
  const { page, trouble } = await start(t);
  await page.locator('.who-btn').click();
  await page.getByText('Be a visitor').click();
  await page.locator('.who-btn').waitFor({ state: 'detached' });
  // With an amount: the sheet at once.
  await type(page, printed.bill);
  const sheet = page.locator('.sheet-payment');
  await sheet.getByText(/12\.50/).first().waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers on the sheet');
  await shot(page, '32-merchant-code');
  await sheet.getByRole('button', { name: 'Don’t pay' }).click();
  await sheet.waitFor({ state: 'detached' });
  // Without: how much first.
  await type(page, printed.open);
  await page.getByLabel(/^Amount in/).fill('5');
  await shot(page, '33-how-much');
  await page.getByRole('button', { name: 'Go on' }).click();
  await sheet.getByText(/5\.00/).first().waitFor();
  await yes(page).click();
  await page.locator('.toast').getByText(/^Paid .*5\.00/).waitFor();
  // Another scheme's is named.
  await type(page, '00020101021229370016A0000006770101110113006680111111153037645802TH540520.15630442BE');
  await page.locator('.problem-title').getByText('This code is for PromptPay').waitFor();
  assert.deepEqual(trouble, [], 'errors on the page');
});

for (const language of ['en', 'zh']) {
  test(`a person’s code is shown, and put away (${language})`, { timeout: LONG }, async (t) => {
    const { page, trouble } = await start(t);
    await page.locator('.who-btn').click();
    await page.getByText('Be a visitor').click();
    await page.locator('.who-btn').waitFor({ state: 'detached' });
    await page.locator(`.language [data-language=${language}]`).first().click();
    await page.locator('.card-entry').filter({ hasText: language === 'en' ? 'Payment code' : '付款码' }).click();
    const digits = page.locator('.pay-code-digits');
    await digits.waitFor();
    assert.match(await digits.innerText(), /^88\d{4} \d{6} \d{6}$/);
    assert.deepEqual(await barriers(page), [], 'barriers beside the code');
    await shot(page, `34-customer-code-${language}`);
    await page.locator('dialog[open] .dialog-head .icon-btn').click();
    await digits.waitFor({ state: 'detached' });
    assert.deepEqual(trouble, [], 'errors on the page');
  });
}
