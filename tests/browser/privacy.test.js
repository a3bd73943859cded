// What a person sees of the use of their data, takes along, and takes back, in a real browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, shot } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
  // The first opening compiles, unoptimised, on a machine that may have other things to do: no page waits for that here.
  const { address, codes } = kiosk.report;
  const headers = { origin: address, 'content-type': 'application/json' };
  const visitor = await fetch(`${address}/api/visitor`, { method: 'POST', headers, body: '{"language":"en"}' });
  headers.cookie = visitor.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  const { text } = codes.find(({ program }) => program.endsWith('restaurant'));
  const opened = await fetch(`${address}/api/open`, { method: 'POST', headers, body: JSON.stringify({ code: text }) });
  assert.equal(opened.status, 200, await opened.text());
}, { timeout: LONG });

after(() => kiosk?.stop());

async function accept(page, kind, yes) {
  const sheet = page.locator(`.sheet-${kind}`);
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  await sheet.getByRole('button', { name: yes }).click();
  await sheet.waitFor({ state: 'detached' });
}

test('a visitor sees who used what, takes it along, and is forgotten', { timeout: LONG }, async (t) => {
  const { page } = await browser(t);
  page.setDefaultTimeout(120000);
  const trouble = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  await page.goto(kiosk.report.address);
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.getByText('Be a visitor').click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  await accept(page, 'payment', words.pay);
  await page.locator('.program-body').getByText(words.paid).first().waitFor();
  await accept(page, 'subscribe', /^Allow/);

  await page.getByRole('button', { name: 'Consents' }).click();
  const panel = page.locator('dialog.panel');
  const kitchen = panel.getByRole('article', { name: words.restaurant });
  await kitchen.getByText(/^Keeps of you: .*orders: 1/).waitFor();
  const log = panel.locator('.privacy-log > li');
  await log.getByText('Payment', { exact: true }).waitFor();
  assert.match(await log.filter({ hasText: 'Payment' }).innerText(), /36\.00/);
  assert.deepEqual(await barriers(page), [], 'barriers on the panel');
  await shot(page, '20-privacy');

  const [file] = await Promise.all([page.waitForEvent('download'), panel.getByRole('link', { name: 'Save as a file' }).click()]);
  const taken = JSON.parse(readFileSync(await file.path(), 'utf8'));
  assert.ok(taken.audit.some((record) => record.act === 'payment.succeeded') && taken.consents.length && taken.head, JSON.stringify(taken));

  // Taken back: the next message is refused, and the log says so.
  await kitchen.locator('.w-switch-row').first().click();
  await kitchen.locator('input:not([disabled]):not(:checked)').first().waitFor({ state: 'attached' });

  await kitchen.getByRole('button', { name: 'Forget me' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Forget me' }).click();
  await page.locator('.toast').getByText(`${words.restaurant} has forgotten you`).waitFor();
  // The program is closed, and its receipt stands where it stood.
  await page.locator('.receipt').waitFor();
  await page.getByRole('button', { name: 'Consents' }).click();
  await log.first().getByText('Forgot you').waitFor();
  assert.match(await log.nth(1).innerText(), /You refused or took back/);
  assert.equal(await kitchen.count(), 0, 'it knows nobody');
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });

  // The same in Chinese.
  await page.locator('.language [data-language=zh]').first().click();
  await page.getByRole('button', { name: '授权' }).click();
  await panel.getByText('谁在何时用了什么').waitFor();
  await log.first().getByText('忘记了你').waitFor();
  assert.deepEqual(trouble, [], 'errors on the page');
});

test('the secret sign and what is said about oneself are the person’s to choose', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address);
  await page.evaluate(() => fetch('/api/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"language":"en"}' }));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  const card = page.locator('.person-sign');
  await card.getByText('Choose your own').click();
  const panel = page.locator('dialog.panel');
  assert.deepEqual(await barriers(page), [], 'barriers on the panel');
  await panel.getByRole('button', { name: 'Choose your own' }).click();
  assert.equal(await panel.locator('.sign-option').count(), 64);
  await panel.locator('.sign-option', { has: page.getByRole('radio', { name: 'kite' }) }).click();
  await panel.getByLabel('Word', { exact: true }).fill('Zebra');
  assert.deepEqual(await barriers(page), [], 'barriers while choosing');
  await shot(page, '21-sign');
  await panel.locator('.me-sign').getByRole('button', { name: 'Save' }).click();
  await panel.locator('.sign-large').getByText('Zebra').waitFor();
  // Programs read the nickname: it can't tell the word.
  const nickname = panel.getByLabel('Nickname');
  const save = panel.locator('form').last().getByRole('button', { name: 'Save' });
  await nickname.fill('The Zebra');
  await save.click();
  await panel.locator('.problem').waitFor();
  await nickname.fill('Nora');
  await save.click();
  await panel.locator('.problem').waitFor({ state: 'detached' });
  await page.locator('.person-name').getByText('Nora').waitFor();
  await page.keyboard.press('Escape');
  await card.getByText('Zebra').waitFor();
  assert.equal(await card.getByText('Choose your own').count(), 0);
});
