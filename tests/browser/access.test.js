// By keyboard alone, in both languages, in the dark: what a person needs who does not see, or does not point.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, browser, code, demo, shot } from './support.js';
import { DISH, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

async function start(t, options) {
  const it = await browser(t, { permissions: [], ...options });
  const sockets = [];
  await it.page.routeWebSocket(/\/socket$/, (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  await it.page.goto(kiosk.report.address);
  await it.page.locator('.language [data-language=en]').first().click();
  /** Sends the page a frame in the host's place. */
  return { ...it, host: (frame) => sockets.at(-1).send(JSON.stringify(frame)) };
}

/** What a screen reader calls the element that has the focus, roughly: its label, else its text. */
const focused = (page) =>
  page.evaluate(() => {
    const el = document.activeElement;
    const by = (el?.getAttribute('aria-labelledby') ?? '').split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '');
    return by.join(' ').trim() || el?.getAttribute('aria-label') || el?.innerText?.trim().slice(0, 80) || el?.tagName;
  });

/** Tab until what has the focus fits. */
async function tabTo(page, wanted) {
  const seen = [];
  for (let n = 0; n < 60; n += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    seen.push(now);
    if (wanted.test(now)) return;
  }
  assert.fail(`Tab never came to ${wanted}: ${seen.join(' | ')}`);
}

test('a visitor orders and refuses to pay with the keyboard alone', { timeout: LONG }, async (t) => {
  const { page } = await start(t);
  await tabTo(page, /^Type code/);
  await page.keyboard.press('Enter');
  await page.getByLabel('Text of the code').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'INPUT', 'the field has the focus');
  await page.keyboard.type(code(kiosk.report, 'restaurant', 'T7'));
  await page.keyboard.press('Enter');
  await page.locator('.who').waitFor();
  assert.match(await focused(page), /^Be a visitor/, 'the first answer has the focus');
  await page.keyboard.press('Enter');
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
  await tabTo(page, new RegExp(`^${DISH}`));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: words.add }).waitFor();
  await tabTo(page, words.add);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: words.cart }).first().waitFor();
  await tabTo(page, words.cart);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: words.pay }).waitFor();
  await tabTo(page, words.pay);
  await page.keyboard.press('Enter');
  await page.locator('.sheet-payment .sheet-yes:not([aria-disabled])').waitFor();
  assert.ok(await page.evaluate(() => document.querySelector('.sheet').contains(document.activeElement)), 'the sheet has the focus');
  await tabTo(page, /^Don’t pay/);
  await page.keyboard.press('Enter');
  await page.locator('.sheet').waitFor({ state: 'detached' });
  await page.getByText('Not paid. Your dishes are still in the basket.').waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body, null, { timeout: LONG });
});

test('what is hit the moment that a sheet appears neither pays nor refuses', { timeout: LONG }, async (t) => {
  const { page } = await start(t);
  await page.evaluate(() => {
    // As fast as a finger never is.
    new MutationObserver(() => {
      for (const button of document.querySelectorAll('.sheet .dialog-actions button:not([data-hit])')) {
        button.dataset.hit = 'at once';
        button.click();
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  await page.locator('.who-btn').click();
  await page.getByText('Be a visitor').click();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  const sheet = page.locator('.sheet-payment');
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  assert.equal(await sheet.locator('[data-hit]').count(), 2, 'both buttons were hit');
  await page.getByText('Not paid. Your dishes are still in the basket.').waitFor({ state: 'detached' });
  // The refusal that counts reaches the program.
  await sheet.getByRole('button', { name: 'Don’t pay' }).click();
  await sheet.waitFor({ state: 'detached' });
  await page.getByText('Not paid. Your dishes are still in the basket.').waitFor();
});

test('an open sheet follows a switch of language, and keeps what was typed', { timeout: LONG }, async (t) => {
  const { page } = await start(t);
  const anna = kiosk.report.people.find((known) => known.code === 'anna');
  await page.locator('.who-btn').click();
  await page.getByText('Sign in with a personal code').click();
  await page.getByLabel('Personal code').fill(anna.code);
  await page.getByLabel('PIN').fill(anna.pin);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).click();
  const sheet = page.locator('.sheet-payment');
  await sheet.locator('.sheet-pay-to').getByText('Lantern Kitchen').waitFor();
  await sheet.locator('input[data-pin]').fill('0000');
  await sheet.locator('[data-language=zh]').click();
  await sheet.locator('.sheet-pay-to').getByText('一盏小馆').waitFor();
  await sheet.getByText('钱包余额').waitFor();
  assert.equal(await sheet.count(), 1, 'one sheet, not two');
  assert.equal(await sheet.locator('input[data-pin]').inputValue(), '0000');
  await shot(page, '12-sheet-zh');

  // A PIN that is wrong keeps the sheet; the right one is taken right afterwards.
  await sheet.locator('.sheet-yes:not([aria-disabled])').click();
  await sheet.locator('.problem').getByText('PIN 不对').waitFor();
  await sheet.locator('input[data-pin]').fill(anna.pin);
  await sheet.locator('.sheet-yes:not([aria-disabled])').click();
  await page.locator('.program-body').getByText('后厨已收到。').first().waitFor();
  await page.locator('.sheet-subscribe .sheet-yes:not([aria-disabled])').click();
  await page.locator('.sheet').waitFor({ state: 'detached' });

  // The receipt, and what it says is kept, too.
  await page.locator('.bar-close').click();
  const kept = page.locator('.receipt-kept');
  await kept.getByText('订单、付款和收据（1 笔）').waitFor();
  await page.locator('.language [data-language=en]').first().click();
  await kept.getByText('Orders, payments and receipts (1)').waitFor();
  assert.doesNotMatch(await page.locator('.receipt').innerText(), /[\u4e00-\u9fff]/, 'Chinese is left on an English receipt');
});

test('a kiosk in yen orders, pays and shows amounts without a fraction', { timeout: LONG }, async (t) => {
  const yen = await demo({ more: ['--currency', 'JPY'] });
  t.after(() => yen.stop());
  const { page } = await browser(t, { permissions: [] });
  await page.goto(yen.report.address);
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.who-btn').click();
  await page.getByText('Be a visitor').click();
  await page.locator('.person-balance').getByText('¥20,000', { exact: true }).waitFor();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: 'Pay ¥3600', exact: true }).click();
  await page.locator('.sheet-amount').getByText('¥3,600', { exact: true }).waitFor();
  await page.locator('.sheet-yes:not([aria-disabled])').click();
  await page.locator('.program-body').getByText(words.paid).first().waitFor();
  await page.locator('.person-balance').getByText('¥16,400', { exact: true }).waitFor();
});

const pay = (terms) => ({ kind: 'payment', payee: 'Old Cameras', amount: '320.00', currency: 'CNY', purpose: 'Film camera', lines: [['Film camera', 1, '298.00'], ['Film', 2, '22.00']], balance: '500.00', affordable: true, pin: true, terms });
const SHEETS = {
  escrow: pay({ mode: 'escrow', until: 1893456000000, atExpiry: 'capture', fee: '6.40', count: 0 }),
  short: { ...pay({ mode: 'pay' }), affordable: false },
  consent: { kind: 'consent', scopes: [{ scope: 'identity.nickname', reason: 'For what you post', value: 'Ming' }, { scope: 'location', reason: 'To find what is near', value: '' }] },
  open: { kind: 'open', target: 'Lantern Kitchen', targetPublisher: 'Youji Demo', opens: { program: 'youji.restaurant', page: 'pages/menu', query: [['table', '7']] } },
};

for (const [name, options] of [
  ['a phone in the dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ['a kiosk', { viewport: { width: 1920, height: 1080 } }],
]) {
  test(`no barriers on the sheets and panels of ${name}`, { timeout: LONG }, async (t) => {
    const { page, host } = await start(t, options);
    await page.locator('.who-btn').click();
    await page.getByText('Be a visitor').click();
    await page.locator('.who-btn').waitFor({ state: 'detached' });
    await page.locator('.card-entry').first().waitFor();
    const leave = (await page.locator('.card-entry').count()) - 1;
    assert.equal(leave, 6, 'messages, conversations, payment code, receipts, privacy, transfers, and the way out');
    for (let n = 0; n < leave; n += 1) {
      await page.locator('.card-entry').nth(n).click();
      await page.locator('dialog[open]').locator('.rows, .empty, .pay-code-digits, .choices').first().waitFor();
      assert.deepEqual(await barriers(page), [], 'barriers on a panel');
      await page.keyboard.press('Escape');
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
    }
    await page.locator('.rail').getByText(words.restaurant).first().click();
    await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
    assert.deepEqual(await barriers(page), [], 'barriers on the menu');
    for (const [kind, sheet] of Object.entries(SHEETS)) {
      host({ t: 'sheet', sheet: { id: '00000000000000ff', program: 'Second Hand', publisher: 'Youji Demo', ...sheet } });
      await page.locator('.sheet .sheet-arming.done').waitFor({ state: 'attached' });
      if (kind === 'open') await page.locator('.sheet summary').click();
      assert.deepEqual(await barriers(page), [], `barriers on the sheet "${kind}"`);
      host({ t: 'sheet-gone', id: '00000000000000ff' });
      await page.locator('.sheet').waitFor({ state: 'detached' });
    }
    host({ t: 'idle', inMs: 20000 });
    await page.locator('.idle').waitFor();
    assert.deepEqual(await barriers(page), [], 'barriers on the warning');
    await page.keyboard.press('Shift');
    await page.locator('.idle').waitFor({ state: 'detached' });
    await page.goto(`${kiosk.report.address}/operator`);
    await page.locator('.operator-door input').fill(kiosk.report.operatorPin);
    await page.locator('.operator-door button[type=submit]').click();
    await page.locator('.op-day').waitFor();
    assert.deepEqual(await barriers(page), [], 'barriers on the operator’s page');
  });
}
