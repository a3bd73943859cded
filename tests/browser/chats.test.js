// Two people who talk: an invitation, words, and a card that opens a table.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, browser, code, demo, shot } from './support.js';
import { words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine it takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

async function visitor(t, path, viewport) {
  const { page } = await browser(t, { permissions: [], viewport });
  await page.goto(kiosk.report.address + path);
  await page.getByText('Be a visitor').first().click();
  return page;
}

const lines = (page) => page.getByRole('log', { name: 'What was said' });
const say = async (page, text) => {
  await page.getByRole('textbox', { name: 'Write something' }).fill(text);
  await page.keyboard.press('Enter');
};

test('two people come together, talk, send a card and open it', { timeout: LONG }, async (t) => {
  // One has a table open, and sends it.
  const ann = await visitor(t, new URL(code(kiosk.report, 'restaurant', 'T7')).pathname);
  await ann.locator('.program-body').getByText('Table 7', { exact: true }).first().waitFor();
  await ann.getByRole('button', { name: 'Chats', exact: true }).first().click();
  await ann.getByRole('button', { name: 'New conversation' }).click();
  await ann.getByRole('button', { name: 'With one person' }).click();
  const letters = (await ann.locator('.pay-code-digits').textContent()).replaceAll(' ', '');
  assert.match(letters, /^[a-z2-7]{12}$/);

  // The other's phone read the code: a visitor first, then asked.
  const ben = await visitor(t, `/C/${letters.toUpperCase()}`, { width: 390, height: 844 });
  await ben.getByRole('heading', { name: 'Come in?' }).waitFor();
  await ben.getByRole('button', { name: 'Come in' }).click();
  await lines(ben).getByText('You came in').waitFor();
  await ann.getByRole('button', { name: 'Done' }).click();
  await lines(ann).getByText('came in').waitFor();

  await say(ann, 'Hungry? <b>come</b>');
  await lines(ben).getByText('Hungry? <b>come</b>', { exact: true }).waitFor();
  await say(ben, 'Where are you?');
  await lines(ann).getByText('Where are you?', { exact: true }).waitFor();
  await ann.getByRole('button', { name: 'Send a program' }).click();
  await ann.getByRole('dialog', { name: 'Send a program' }).getByText('Open now').click();
  const card = lines(ben).getByRole('button', { name: new RegExp(`Card.*${words.restaurant}`) });
  await card.waitFor();
  await shot(ben, 'chat-phone');
  await shot(ann, 'chat-kiosk');
  for (const page of [ann, ben]) assert.deepEqual(await barriers(page), []);

  // Asked first; then the same table.
  await card.click();
  await ben.getByRole('alertdialog').getByRole('button', { name: 'Open', exact: true }).click();
  await ben.locator('.program-body').getByText('Table 7', { exact: true }).first().waitFor();

  // Who is not looking is told.
  await say(ann, 'See you there');
  await ben.locator('.toast').getByText('See you there').waitFor();
});
