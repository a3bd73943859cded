// Every way into a program beside the camera: a picture that is chosen or dropped, a typed code, a hand scanner; in both languages.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, code, demo, scratch, workspace, youji } from './support.js';
import { DISH } from './restaurant.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;
const folder = scratch('pictures');

before(async () => {
  kiosk = await demo();
}, { timeout: LONG });

after(() => kiosk?.stop());

const LANGUAGES = {
  en: { dish: DISH, table: (n) => `Table ${n}`, picture: 'Picture', type: 'Type code', text: 'Text of the code', open: 'Open', again: 'Try again', choose: 'There are 2 codes in it. Which one?', none: 'No code in this picture', file: 'This file is no picture', web: 'This is a web address', wifi: 'This is a Wi-Fi code', foreign: 'This code belongs elsewhere', scanned: 'Read by the hand scanner' },
  zh: { dish: '红烧牛肉面', table: (n) => `${n} 号桌`, picture: '选图片', type: '输入码', text: '码上的文字', open: '打开', again: '再试一次', choose: '图里有 2 个码，打开哪一个？', none: '图里没有找到码', file: '这个文件不是图片', web: '这是一个网址', wifi: '这是 Wi-Fi 的码', foreign: '这是别处的码', scanned: '已从扫码枪读取' },
};

/** A PNG with the code of `text`, as the command draws it. */
function png(text) {
  const file = join(folder, `${Buffer.from(text).toString('hex').slice(-24)}.png`);
  execFileSync(youji, ['qr', text, '--png', file], { cwd: workspace });
  return file;
}

/** Draws PNG files beside each other on a table of grey, in the browser; none: the table only. */
async function together(page, name, files) {
  const drawn = await page.evaluate(async (pictures) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 1400, height: 720 });
    const context = canvas.getContext('2d');
    context.fillStyle = '#998';
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const [at, picture] of pictures.entries()) {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      context.drawImage(await createImageBitmap(new Blob([bytes], { type: 'image/png' })), 40 + at * 680, 40, 620, 620);
    }
    return canvas.toDataURL('image/png').split(',')[1];
  }, files.map((file) => readFileSync(file).toString('base64')));
  const file = join(folder, name);
  writeFileSync(file, Buffer.from(drawn, 'base64'));
  return file;
}

/** The start page with a visitor at it, or with nobody. */
async function start(t, language, { visitor = true } = {}) {
  const it = await browser(t, { permissions: [] });
  const trouble = [];
  it.page.on('pageerror', (error) => trouble.push(String(error)));
  await it.page.goto(kiosk.report.address);
  await it.page.locator(`.language [data-language=${language}]`).first().click();
  if (visitor) {
    await it.page.locator('.who-btn').click();
    await it.page.locator('.who-visitor').click();
    await it.page.locator('.person-card').waitFor();
  }
  return { ...it, trouble, said: LANGUAGES[language] };
}

/** Chooses a file with the scanner's own button. */
async function choose(page, said, file) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: said.picture, exact: true }).click()]);
  await chooser.setFiles(file);
}

/** Lets a file fall onto the scanner. */
async function drop(page, file) {
  const moved = await page.evaluateHandle((picture) => {
    const moved = new DataTransfer();
    moved.items.add(new File([Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))], 'dropped.png', { type: 'image/png' }));
    return moved;
  }, readFileSync(file).toString('base64'));
  for (const on of ['dragover', 'drop']) await page.locator('.scanner').dispatchEvent(on, { dataTransfer: moved });
}

/**
 * What a hand scanner does: keys much faster than fingers, then Enter. All in one turn of the page, so that no load of the machine
 * makes it slow; `gap` in ms is what lies at least between two keys of a person.
 */
const keys = (page, text, gap = 0) =>
  page.evaluate(
    async ([text, gap]) => {
      for (const key of [...text, 'Enter']) {
        const to = document.activeElement ?? document.body;
        const go = to.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        if (go && key.length === 1 && to.matches('input, textarea')) {
          to.value += key;
          to.dispatchEvent(new Event('input', { bubbles: true }));
        }
        if (gap) await new Promise((done) => setTimeout(done, gap));
      }
    },
    [text, gap],
  );

async function table(page, said, number) {
  await page.locator('.program-body').getByText(said.table(number), { exact: true }).first().waitFor();
  await page.locator('.program-body').getByText(said.dish, { exact: true }).first().waitFor();
}

async function home(page) {
  await page.locator('.bar-home').click();
  await page.locator('.scanner').waitFor();
}

/** Waits for a problem of this title, and goes back to the scanner. */
async function refused(page, said, title) {
  const problem = page.locator('.scanner .problem').filter({ hasText: title });
  await problem.waitFor();
  assert.equal(await page.locator('.program-body').count(), 0, 'something was opened');
  await page.locator('.scanner').getByRole('button', { name: said.again, exact: true }).click();
  await problem.waitFor({ state: 'detached' });
}

for (const language of ['en', 'zh']) {
  test(`pictures that are chosen or dropped (${language})`, { timeout: LONG }, async (t) => {
    const { page, trouble, said } = await start(t, language);
    const of = (scene) => png(code(kiosk.report, 'restaurant', scene));

    await choose(page, said, await together(page, 'nothing.png', []));
    await refused(page, said, said.none);
    const words = join(folder, 'words.txt');
    writeFileSync(words, 'no picture at all');
    await choose(page, said, words);
    await refused(page, said, said.file);
    await choose(page, said, png('HTTPS://EXAMPLE.ORG/MENU'));
    await refused(page, said, said.web);
    await choose(page, said, png('WIFI:T:WPA;S:guest;P:guest;;'));
    await refused(page, said, said.wifi);

    await choose(page, said, of('T7'));
    await table(page, said, 7);
    await home(page);
    await drop(page, of('T8'));
    await table(page, said, 8);
    await home(page);

    // Two codes in one picture: the person says which one; nothing is opened before, and nothing when they do not.
    const both = await together(page, 'two.png', [of('T7'), of('T9')]);
    await drop(page, both);
    const question = page.locator('dialog[open]').filter({ hasText: said.choose });
    await question.locator('.choice').nth(1).waitFor();
    assert.equal(await page.locator('.program-body').count(), 0, 'opened without a choice');
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    await page.locator('.scanner').waitFor();
    await choose(page, said, both);
    await question.locator('.choice').filter({ hasText: code(kiosk.report, 'restaurant', 'T9') }).click();
    await table(page, said, 9);
    assert.deepEqual(trouble, []);
  });
}

test('a code is typed, and one of another host does not open', { timeout: LONG }, async (t) => {
  const { page, trouble, said } = await start(t, 'en', { visitor: false });
  const typed = async (text) => {
    await page.getByRole('button', { name: said.type, exact: true }).click();
    await page.getByLabel(said.text).fill(text);
    await page.getByRole('button', { name: said.open, exact: true }).click();
  };
  // As people type: in small letters, with a blank at the end.
  await typed(`${code(kiosk.report, 'restaurant', 'T7').toLowerCase()} `);
  await page.getByText('Be a visitor').click();
  await table(page, said, 7);
  await home(page);
  const other = new URL(code(kiosk.report, 'restaurant', 'T8'));
  await typed(`HTTPS://ELSEWHERE.EXAMPLE${other.pathname}`);
  await page.locator('.scanner .problem').filter({ hasText: said.foreign }).waitFor();
  assert.equal(await page.locator('.program-body').count(), 0);
  assert.deepEqual(trouble, []);
});

for (const language of ['en', 'zh']) {
  test(`a hand scanner is told from fingers (${language})`, { timeout: LONG }, async (t) => {
    const { page, trouble, said } = await start(t, language);
    const text = code(kiosk.report, 'restaurant', 'T7');
    const shown = () => page.locator('.engine-toggle').getAttribute('aria-expanded');
    const engine = await shown();

    // On the start page, wherever the focus is: also in the field for typing, which stays empty.
    // The notice stays for a moment only: it is waited for while the keys are typed.
    await Promise.all([page.locator('.toast').getByText(said.scanned).waitFor(), keys(page, text)]);
    await table(page, said, 7);
    await home(page);
    await page.getByRole('button', { name: said.type, exact: true }).click();
    const field = page.getByLabel(said.text);
    await field.focus();
    const typing = code(kiosk.report, 'restaurant', 'T8');
    await keys(page, typing);
    await table(page, said, 8);
    await home(page);

    // One that says something else is refused by name; its last letter, an E, is not the engine room's key.
    await keys(page, 'HTTPS://EXAMPLE.ORG/MADE');
    await page.locator('.scanner .problem').filter({ hasText: said.web }).waitFor();
    await page.waitForTimeout(200);
    assert.equal(await shown(), engine, 'the engine room was toggled');

    // Fast words in a field are words; so is an address at the speed of fingers.
    const opened = [];
    page.on('request', (request) => request.url().endsWith('/api/open') && opened.push(request.postData()));
    await page.getByRole('button', { name: said.type, exact: true }).click();
    await field.focus();
    await keys(page, 'quick brown fox');
    assert.equal(await field.inputValue(), 'quick brown fox');
    await field.fill('');
    await keys(page, text.slice(0, 24), 60);
    assert.equal(await field.inputValue(), text.slice(0, 24));

    // In a program's field, even an address belongs to the program.
    await page.locator('.rail .app').first().waitFor();
    await page.locator('.rail').getByText(language === 'zh' ? '一盏小馆' : 'Lantern Kitchen').first().click();
    await page.locator('.program-body').getByText(said.dish, { exact: true }).first().click();
    await page.getByRole('button', { name: language === 'zh' ? /^加入购物车/ : /^Add to basket/ }).click();
    await page.getByRole('button', { name: language === 'zh' ? /^去下单/ : /^Basket/ }).first().click();
    const note = page.locator('.program-body').locator('input.input, textarea.input').first();
    await note.focus();
    opened.length = 0;
    await keys(page, text);
    assert.equal(await note.inputValue(), text, 'the program’s field lost what was scanned into it');
    assert.deepEqual(opened, [], 'something was opened');
    assert.deepEqual(trouble, []);
  });
}
