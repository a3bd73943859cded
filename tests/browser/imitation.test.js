// A program that draws the payment sheet as well as it can: whose pixels are whose, and what a tap that came too soon does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, demo, scratch, shot, workspace, youji } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;
const PROGRAM = 'org.example.imitation';
/** What the imitation believes the sign to be: one of the host's words, as anybody can know them. */
const GUESS = 'kite';
/** Steps of the grid over the screen, in pixels. */
const STEP = 6;

let kiosk;

before(async () => {
  const data = scratch('imitation');
  const key = join(scratch('key'), 'author.key');
  execFileSync(youji, ['keygen', '--out', key], { cwd: workspace });
  execFileSync(youji, ['publish', '--dir', join(workspace, 'tests/hostile/imitation'), '--key', key, '--data', data, '--publisher', 'Trusted Shop', '--json'], { cwd: workspace });
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

/** A visitor whose sign is not what the program guesses, with the imitation before them. */
async function visitor(t, options) {
  const { context, page } = await browser(t, { permissions: [], ...options });
  // What the page says to the host, and what comes of it.
  await context.addInitScript(() => {
    globalThis.said = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
      globalThis.said.push(JSON.parse(text));
      return send.call(this, text);
    };
  });
  const state = () => page.evaluate(async () => (await fetch('/api/state')).json());
  let person;
  do {
    await page.goto(kiosk.report.address);
    await page.evaluate(async () => {
      const post = (path, body) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      await post('/api/reset', {});
      await post('/api/visitor', { language: 'en' });
    });
    ({ person } = await state());
  } while (person.sign.word.en === GUESS);
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText('Youji 有机 payment').first().click();
  await page.locator('.program-body').getByRole('button', { name: 'Pay ¥1.00' }).waitFor();
  return { context, page, person, state };
}

const balance = async (page) => (await page.evaluate(async () => (await fetch('/api/person')).json())).balance;
const answers = (page) => page.evaluate(() => globalThis.said.filter((frame) => frame.t === 'answer'));

/**
 * Which points of a grid over the screen belong to the program, to whom the rest of the stage, and where the stage is. Nothing of the
 * program may hide from the test by letting taps through.
 */
const owned = (page) =>
  page.evaluate((step) => {
    const solid = new CSSStyleSheet();
    solid.replaceSync('.program-body, .program-body * { pointer-events: auto !important }');
    document.adoptedStyleSheets = [solid];
    const box = (el) => {
      const { left, top, right, bottom } = el.getBoundingClientRect();
      return { left, top, right, bottom };
    };
    const inside = ({ left, top, right, bottom }, x, y) => x >= left && x < right && y >= top && y < bottom;
    const body = document.querySelector('.program-body');
    const bar = document.querySelector('.program-bar');
    const sheet = document.querySelector('.sheet[open] .dialog-panel');
    const places = { stage: box(document.querySelector('.stage-screen')), body: box(body), bar: box(bar), sheet: sheet && box(sheet) };
    const found = { places, mine: 0, outsideStage: [], overHost: [], overSheet: [], hostBar: 0, onSheet: 0 };
    for (let y = 1; y < innerHeight; y += step) {
      for (let x = 1; x < innerWidth; x += step) {
        const el = document.elementFromPoint(x, y);
        const mine = el !== null && (el === body || body.contains(el));
        if (mine) {
          found.mine += 1;
          if (!inside(places.stage, x, y)) found.outsideStage.push([x, y]);
          if (!inside(places.body, x, y) || inside(places.bar, x, y)) found.overHost.push([x, y]);
          if (places.sheet && inside(places.stage, x, y)) found.overSheet.push([x, y]);
        } else if (el && bar.contains(el)) found.hostBar += 1;
        else if (sheet && el && sheet.contains(el)) found.onSheet += 1;
      }
    }
    document.adoptedStyleSheets = [];
    return found;
  }, STEP);

/** Where the program's own colour is on a picture of the screen, as the rectangle around it and how many pixels; decoded by another page. */
async function painted(context, page, only) {
  const png = (await page.screenshot()).toString('base64');
  const other = await context.newPage();
  const found = await other.evaluate(
    async ({ png, only }) => {
      const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      const pen = canvas.getContext('2d');
      pen.drawImage(picture, 0, 0);
      const { data } = pen.getImageData(0, 0, picture.width, picture.height);
      const box = { left: Infinity, top: Infinity, right: -1, bottom: -1, pixels: 0 };
      for (let y = 0; y < picture.height; y++) {
        for (let x = 0; x < picture.width; x++) {
          const at = (y * picture.width + x) * 4;
          if (only) {
            if (!(x >= Math.ceil(only.left) && x < Math.floor(only.right) && y >= Math.ceil(only.top) && y < Math.floor(only.bottom))) continue;
            // Its corners are round.
            const near = (at, one, other) => Math.min(Math.abs(at - one), Math.abs(other - at)) < 32;
            if (near(x, only.left, only.right) && near(y, only.top, only.bottom)) continue;
          }
          // Red and blue without green: no colour of the host or of a sign is like it, also under a veil.
          if (data[at] < 90 || data[at + 1] > 40 || data[at + 2] < 90) continue;
          box.left = Math.min(box.left, x);
          box.right = Math.max(box.right, x);
          box.top = Math.min(box.top, y);
          box.bottom = Math.max(box.bottom, y);
          box.pixels += 1;
        }
      }
      return box;
    },
    { png, only },
  );
  await other.close();
  await page.bringToFront();
  return found;
}

/** Nothing of the program is anywhere but in its own part of the stage. */
function checkOwned({ places, mine, outsideStage, overHost, hostBar }, what) {
  assert.ok(mine > 100, `${what}: the program has its place (${mine} points)`);
  assert.deepEqual(outsideStage.slice(0, 5), [], `${what}: points outside the stage ${JSON.stringify(places)}`);
  assert.deepEqual(overHost.slice(0, 5), [], `${what}: points over the host’s bar ${JSON.stringify(places)}`);
  assert.ok(hostBar > 20, `${what}: the host’s bar is the host’s (${hostBar} points)`);
}

async function checkPaint(context, page, { places }, what) {
  const paint = await painted(context, page);
  assert.ok(paint.pixels > 1000, `${what}: its colour is seen (${paint.pixels} pixels)`);
  const { body } = places;
  const out = paint.left < Math.floor(body.left) - 1 || paint.right > Math.ceil(body.right) + 1 || paint.top < Math.floor(body.top) - 1 || paint.bottom > Math.ceil(body.bottom) + 1;
  assert.ok(!out, `${what}: painted ${JSON.stringify(paint)}, its place is ${JSON.stringify(body)}`);
}

for (const [name, viewport] of [
  ['kiosk', { width: 1280, height: 800 }],
  ['phone', { width: 390, height: 844 }],
]) {
  test(`an imitated sheet stays in its place and lacks the sign: ${name}`, { timeout: LONG }, async (t) => {
    const { context, page, person, state } = await visitor(t, { viewport });
    const body = page.locator('.program-body');
    await shot(page, `30-imitation-${name}`);
    checkOwned(await owned(page), 'the imitation');
    assert.equal(await page.locator('.sheet, dialog[open], [role=alertdialog]').count(), 0, 'it opened nothing of the host’s');
    assert.equal(await body.locator('input[type=password], .sheet-sign, [role=dialog], [role=alertdialog]').count(), 0, 'nothing of it is announced as a sheet');
    const imitated = await body.evaluate((el) => el.outerHTML);
    assert.ok(imitated.includes(GUESS), 'the guess is there');
    assert.ok(!imitated.includes(person.sign.word.en) && !imitated.includes(person.sign.word.zh) && !imitated.includes(person.sign.picture), 'the sign is not');

    // Everything that it can find out, with the nickname allowed.
    await page.getByRole('button', { name: 'learned' }).click();
    const consent = page.locator('.sheet-consent');
    await consent.locator('.sheet-yes:not([aria-disabled])').click();
    await consent.waitFor({ state: 'detached' });
    await body.getByText('profile.nickname').waitFor();
    const learned = await body.innerText();
    assert.ok(learned.includes(person.name), 'the nickname was given');
    for (const secret of [person.sign.word.en, person.sign.word.zh, person.sign.picture]) assert.ok(!learned.toLowerCase().includes(secret.toLowerCase()), `it learned the sign: ${secret}`);
    assert.equal((await state()).person.sign.picture, person.sign.picture);
  });

  test(`a flood of widgets stays in its place: ${name}`, { timeout: LONG }, async (t) => {
    const { context, page, person } = await visitor(t, { viewport });
    await page.getByRole('button', { name: 'flood' }).click();
    await page.locator('.program-body .w-image-box.loaded img').first().waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll('.program-body img')].some((img) => img.complete && img.naturalWidth > 0));
    for (const where of ['top', 'bottom']) {
      await page.locator('.program-body').evaluate((el, end) => el.scrollTo(0, end ? el.scrollHeight : 0), where === 'bottom');
      const found = await owned(page);
      checkOwned(found, `the flood’s ${where}`);
      await checkPaint(context, page, found, `the flood’s ${where}`);
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is not wider');
    await shot(page, `31-flood-${name}`);

    // A real sheet over it.
    await page.locator('.program-body').evaluate((el) => el.scrollTo(0, 0));
    const before = await balance(page);
    await page.locator('.program-body .tone-bad').first().click();
    const sheet = page.locator('.sheet-payment');
    await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
    assert.equal(await sheet.locator('.sheet-sign strong').innerText(), person.sign.word.en, 'the real one has the sign');
    const found = await owned(page);
    assert.deepEqual(found.overSheet.slice(0, 5), [], 'a point of the program where the sheet stands');
    assert.deepEqual(found.outsideStage, []);
    assert.ok(found.onSheet > 100, `the sheet is the host’s (${found.onSheet} points)`);
    await shot(page, `32-sheet-over-flood-${name}`);
    // It draws itself anew all the time; its colour is nowhere on the sheet.
    for (let picture = 0; picture < 3; picture++) {
      const paint = await painted(context, page, found.places.sheet);
      assert.equal(paint.pixels, 0, `its colour is on the sheet: ${JSON.stringify([paint, found.places.sheet])}`);
    }
    await sheet.locator('.dialog-actions button').first().click();
    await sheet.waitFor({ state: 'detached' });
    assert.equal(await balance(page), before);
  });
}

test('a tap within 500 ms of a sheet confirms nothing', { timeout: LONG }, async (t) => {
  const { page, person } = await visitor(t);
  const before = await balance(page);
  // Whoever taps on and on where the imitation's button was: every frame from the one in which the sheet comes, for 500 ms.
  await page.evaluate(() => {
    globalThis.taps = { early: 0, done: false };
    const watch = new MutationObserver(() => {
      const yes = document.querySelector('.sheet-payment .sheet-yes');
      if (!yes) return;
      watch.disconnect();
      const begun = performance.now();
      const again = () => {
        if (performance.now() - begun >= 500) return (globalThis.taps.done = true);
        yes.click();
        globalThis.taps.early += 1;
        requestAnimationFrame(again);
      };
      again();
    });
    watch.observe(document.body, { childList: true, subtree: true });
  });
  await page.locator('.program-body').getByRole('button', { name: 'Pay ¥1.00' }).click();
  const sheet = page.locator('.sheet-payment');
  await page.waitForFunction(() => globalThis.taps.done);
  assert.ok((await page.evaluate(() => globalThis.taps.early)) > 0, 'it was tapped');
  assert.deepEqual(await answers(page), [], 'nothing was answered');
  assert.equal(await sheet.count(), 1, 'the sheet waits');
  assert.equal(await sheet.locator('.sheet-sign strong').innerText(), person.sign.word.en);
  assert.equal(await balance(page), before, 'nothing moved');

  // The control: the same tap once it may count.
  await sheet.locator('.sheet-yes:not([aria-disabled])').click();
  await sheet.waitFor({ state: 'detached' });
  assert.equal((await answers(page)).length, 1);
  assert.equal((Number(before) - Number(await balance(page))).toFixed(2), '1.00');
  // What was paid is on the person's own list, once.
  const { receipts } = await page.evaluate(async () => (await fetch('/api/person/receipts')).json());
  assert.deepEqual(receipts.map(({ amount, payee }) => [amount, payee]), [['1.00', 'Trusted Shop']]);
});
