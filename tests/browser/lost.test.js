// A connection that breaks: while somebody types, on the way to the host, and on the way back. Nothing is lost, nothing happens twice.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, demo } from './support.js';
import { DISH, PRICE, words } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

/**
 * A visitor in the restaurant, on a line that can be cut. `line.sent` are the page's frames in their order, `line.toHost` and
 * `line.toPage` say which frames still pass; `cut()` breaks the line and refuses another until `mend()`.
 */
async function guest(t) {
  const { page } = await browser(t, { permissions: [] });
  const trouble = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  const all = () => true;
  const line = { sent: [], got: [], toHost: all, toPage: all, up: true, lines: [] };
  await page.routeWebSocket(/\/socket$/, (socket) => {
    if (!line.up) return socket.close({ code: 1013 });
    const host = socket.connectToServer();
    line.lines.push({ socket, host });
    socket.onMessage((text) => {
      const frame = JSON.parse(text);
      line.sent.push(frame);
      if (line.toHost(frame)) host.send(text);
    });
    host.onMessage((text) => {
      const frame = JSON.parse(text);
      line.got.push(frame);
      if (line.toPage(frame)) socket.send(text);
    });
  });
  const cut = async () => {
    line.up = false;
    for (const { socket, host } of line.lines.splice(0)) {
      await host.close({ code: 1001 }).catch(() => {});
      await socket.close({ code: 1013 }).catch(() => {});
    }
  };
  const mend = () => Object.assign(line, { up: true, toHost: all, toPage: all });
  await page.goto(kiosk.report.address);
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText(words.restaurant).first().click();
  await page.getByText('Be a visitor').click();
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().waitFor();
  const banner = page.locator('.bar-banner').getByText('Connection lost');
  const sessions = () => page.evaluate(async () => (await (await fetch('/api/state')).json()).sessions.map(({ session }) => session));
  return { page, line, cut, mend, banner, sessions, trouble };
}

/** Waits for what `find` finds among `frames`. */
async function until(find, what) {
  for (let tries = 0; tries < 1200; tries += 1) {
    const found = find();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`never came: ${what}`);
}

const taps = (line) => line.sent.filter((frame) => frame.t === 'event' && frame.kind === 'tap');
const acknowledged = (line, eventId) => line.got.filter((frame) => frame.t === 'ack' && frame.eventId === eventId);

async function basket(page) {
  await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
}

test('what is typed while the line is down stands in the field, and reaches the program', { timeout: LONG }, async (t) => {
  const { page, line, cut, mend, banner, sessions, trouble } = await guest(t);
  const [before] = await sessions();
  await basket(page);
  const field = page.getByLabel(words.note);
  await field.pressSequentially('no onions, ');
  await cut();
  await field.pressSequentially('two bowls');
  await banner.waitFor();
  assert.equal(await field.inputValue(), 'no onions, two bowls', 'the field while the line is down');
  // Leaving the field tells the program, when it can be told.
  await field.blur();
  // The notice stays for a moment only.
  const again = page.locator('.toast').getByText('Connected again').waitFor();
  mend();
  await Promise.all([banner.waitFor({ state: 'detached' }), again]);
  assert.equal(await field.inputValue(), 'no onions, two bowls', 'the field afterwards');
  assert.deepEqual(await sessions(), [before], 'another session');
  // A page that starts anew has what the program has.
  const { eventId } = await until(() => line.sent.find((frame) => frame.t === 'event' && frame.value === 'no onions, two bowls'), 'the text');
  await until(() => acknowledged(line, eventId).length, 'its acknowledgement');
  await page.reload();
  await field.waitFor();
  assert.equal(await field.inputValue(), 'no onions, two bowls', 'the program did not get it');
  assert.deepEqual(trouble, []);
});

for (const [name, lose] of [
  ['that the host never got', (line) => (line.toHost = (frame) => frame.t !== 'event')],
  ['whose acknowledgement was lost', (line) => (line.toPage = () => false)],
]) {
  test(`a tap ${name} counts once`, { timeout: LONG }, async (t) => {
    const { page, line, cut, mend, banner, sessions, trouble } = await guest(t);
    const [before] = await sessions();
    await page.locator('.program-body').getByText(DISH, { exact: true }).first().click();
    const add = page.getByRole('button', { name: words.add });
    await add.waitFor();
    await until(() => taps(line).length && taps(line).every(({ eventId }) => acknowledged(line, eventId).length), 'the acknowledgement of the first tap');

    lose(line);
    const from = line.sent.length;
    await add.click();
    const { eventId } = await until(() => line.sent.slice(from).find((frame) => frame.t === 'event' && frame.kind === 'tap'), 'the tap');
    const arrives = name.includes('acknowledgement');
    if (arrives) await until(() => acknowledged(line, eventId).some(({ applied }) => applied), 'the host’s acknowledgement');
    await cut();
    await banner.waitFor();
    mend();
    await banner.waitFor({ state: 'detached' });
    // The control: it was really sent twice, and the host says itself whether it had it already.
    await until(() => line.sent.filter((frame) => frame.eventId === eventId).length > 1, 'the second sending');
    await until(() => acknowledged(line, eventId).length === (arrives ? 2 : 1), 'the last acknowledgement');
    assert.equal(acknowledged(line, eventId).at(-1).applied, !arrives, 'whether it counted the second time');

    await page.getByRole('button', { name: words.cart }).first().click();
    await page.getByRole('button', { name: words.pay }).filter({ hasText: `${PRICE}.00` }).waitFor();
    assert.deepEqual(await sessions(), [before], 'another session');
    assert.equal(await page.locator('.sending').count(), 0, 'a button that is still under way');
    assert.deepEqual(trouble, []);
  });
}
