// Money between two people at two screens: a code that one shows and the other types, and a red packet that is followed by its link.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, shot } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

async function visitor(t, options) {
  const { page } = await browser(t, { permissions: [], ...options });
  await page.goto(kiosk.report.address);
  await page.evaluate(() => fetch('/api/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"language":"en"}' }));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  return page;
}

const balance = (page) => page.evaluate(async () => (await (await fetch('/api/person')).json()).balance);

async function yes(page) {
  const sheet = page.locator('.sheet-payment');
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  await sheet.locator('.sheet-yes').click();
  await sheet.waitFor({ state: 'detached' });
}

test('a code is shown, money arrives, and a red packet is taken by its link', { timeout: LONG }, async (t) => {
  const ann = await visitor(t);
  const bo = await visitor(t, { viewport: { width: 390, height: 844 } });
  const choose = async (page, way) => {
    await page.locator('.card-entries').getByRole('button', { name: 'Transfer' }).click();
    await page.locator('.between-way', { hasText: way }).click();
  };

  await choose(bo, 'Be given money');
  const shown = bo.locator('.pay-code-digits');
  await shown.waitFor();
  const letters = await shown.innerText();
  assert.match(letters, /^[a-z2-7]{4} [a-z2-7]{4} [a-z2-7]{4}$/);
  assert.deepEqual(await barriers(bo), [], 'barriers on the code');
  await shot(bo, '36-receive-phone');

  await choose(ann, 'Give money');
  const dialog = ann.locator('dialog.small');
  await dialog.getByLabel('Letters of their code').fill('aaaa bbbb cccc');
  await dialog.getByLabel(/^Amount/).fill('12,50');
  await dialog.getByLabel('A few words (may be empty)').fill('For the tea');
  assert.deepEqual(await barriers(ann), [], 'barriers on the form');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await dialog.getByText('Nobody shows this code').waitFor();
  await dialog.getByLabel('Letters of their code').fill(letters);
  await dialog.getByRole('button', { name: 'Go on' }).click();
  const sheet = ann.locator('.sheet-payment');
  await sheet.getByText('For the tea').waitFor();
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  await shot(ann, '36-transfer');
  await yes(ann);
  await ann.locator('.toast').getByText(/12\.50 sent/).waitFor();
  await bo.locator('.toast').getByText(/12\.50 from .*For the tea/).waitFor();
  assert.deepEqual([await balance(ann), await balance(bo)], ['187.50', '212.50']);

  const sent = ann.waitForResponse((answer) => answer.url().endsWith('/api/packets') && answer.ok());
  await choose(ann, 'Red packet');
  await dialog.getByLabel('Shares').fill('1');
  await dialog.getByLabel(/^Amount/).fill('8.88');
  await dialog.getByLabel('A few words (may be empty)').fill('Good luck');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await yes(ann);
  const { address } = await (await sent).json();
  await dialog.getByText('Whoever scans this takes a share').waitFor();
  await shot(ann, '36-packet');

  // What a phone's camera opens.
  await bo.goto(address);
  await bo.locator('.between-packet').getByText('Good luck').waitFor();
  assert.deepEqual(await barriers(bo), [], 'barriers on the red packet');
  await bo.getByRole('button', { name: 'Take a share' }).click();
  await bo.locator('.between-packet').getByText('¥8.88').waitFor();
  await shot(bo, '36-packet-phone');
  assert.deepEqual([await balance(ann), await balance(bo)], ['178.62', '221.38']);
  await bo.locator('dialog.small').getByRole('button', { name: 'OK' }).click();
  await bo.locator('.card-entries').getByRole('button', { name: /^Inbox/ }).click();
  const inbox = bo.locator('dialog.panel');
  await inbox.getByText(/^Transfers · /).first().waitFor();
  assert.equal(await inbox.getByRole('button', { name: 'Open' }).count(), 0, 'what the host says opens no program');
  assert.equal(new URL(bo.url()).pathname, '/', 'a reload takes nothing again');
});
