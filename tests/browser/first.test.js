// Before its first run a program that can't do without something is accepted, on the host's own sheet, or left.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, scratch, shot, workspace, youji } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;
/** What `youji scan` said before anybody accepted, and after. */
let scanned;

before(async () => {
  const data = scratch('first');
  const key = join(scratch('key'), 'author.key');
  execFileSync(youji, ['keygen', '--out', key], { cwd: workspace });
  execFileSync(youji, ['publish', '--dir', join(workspace, 'tests/hostile/eager'), '--key', key, '--data', data, '--publisher', 'Tea House', '--json'], { cwd: workspace });
  const picture = join(scratch('code'), 'code.png');
  execFileSync(youji, ['qr', '--program', 'org.example.eager', '--png', picture, '--data', data], { cwd: workspace });
  const scan = (...more) => spawnSync(youji, ['scan', picture, '--json', '--data', data, ...more], { cwd: workspace, encoding: 'utf8' });
  scanned = [scan(), scan('--accept')];
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

test('the command line says what is asked first, and opens with a yes', () => {
  const [asked, opened] = scanned;
  assert.equal(asked.status, 6, asked.stderr);
  const { error } = JSON.parse(asked.stdout);
  assert.deepEqual([error.code, error.program, error.sheet.required], ['consent-first', 'org.example.eager', true]);
  assert.deepEqual(error.sheet.scopes.map(({ scope }) => scope), ['identity.nickname', 'location']);
  assert.equal(opened.status, 0, opened.stderr);
  assert.ok(JSON.parse(opened.stdout).nodes > 0);
});

test('nothing of it runs before a yes; leaving keeps nothing; a yes is asked for once', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address);
  await page.evaluate(() => fetch('/api/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"language":"en"}' }));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  const get = (path) => page.evaluate(async (path) => (await fetch(path)).json(), path);
  const sheet = page.locator('.sheet-consent');
  const open = (name) => page.locator('.rail').getByText(name).first().click();
  const body = page.locator('.program-body');

  await open('Eager');
  const yes = sheet.getByRole('button', { name: 'Accept and open' });
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  assert.equal(await body.count(), 0, 'nothing is drawn by the program');
  for (const words of ['Before Eager opens', 'by Tea House', 'To write your name on the ticket', 'To show what is near you', 'If you leave, nothing is kept']) await sheet.getByText(words).last().waitFor();
  assert.equal(await sheet.getByText('To call you back').count(), 0, 'what it can do without is asked for when it is needed');
  const sign = (await get('/api/state')).person.sign.word.en;
  await sheet.locator('.sheet-sign').getByText(sign).waitFor();
  assert.deepEqual(await barriers(page), [], 'barriers on the sheet');
  await shot(page, '35-first-run');
  await page.locator('.sheet-language [data-language=zh]').click();
  await sheet.getByText('把你的名字写在票上').waitFor();
  await shot(page, '35-first-run-zh');
  await page.locator('.sheet-language [data-language=en]').click();
  await sheet.getByText('To write your name on the ticket').waitFor();

  await sheet.locator('.sheet-no:not([aria-disabled])').click();
  await sheet.waitFor({ state: 'detached' });
  assert.deepEqual((await get('/api/state')).sessions, []);
  assert.deepEqual((await get('/api/person/consents')).consents, []);

  await open('Eager');
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  await sheet.locator('input[data-scope="identity.nickname"]').fill('Somebody Else');
  await yes.click();
  await body.getByRole('button', { name: 'do' }).waitFor();
  await sheet.waitFor({ state: 'detached' });
  await body.getByLabel('command').fill('profile|nickname');
  await body.getByRole('button', { name: 'do' }).click();
  await body.getByText('profile.nickname=Somebody Else').waitFor();
  assert.equal(await sheet.count(), 0);
  await page.locator('.bar-close').click();
  await page.locator('.receipt').waitFor();

  await page.goto(kiosk.report.address);
  await open('Eager');
  await body.getByRole('button', { name: 'do' }).waitFor();
  assert.equal(await sheet.count(), 0, 'it was accepted before');
  await page.locator('.bar-close').click();
  await page.locator('.receipt').waitFor();

  // Taken back, it does not open, and the way to change that is there.
  await page.evaluate(() => fetch('/api/person/consents', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"program":"org.example.eager","scope":"location","granted":false}' }));
  await page.goto(kiosk.report.address);
  await open('Eager');
  await page.getByText('It does not run without this').first().waitFor();
  await shot(page, '35-first-run-refused');
  await page.locator('.problem, .dialog-actions').getByRole('button', { name: 'Consents' }).click();
  await page.locator('dialog.panel .w-switch-row', { hasText: 'To show what is near you' }).waitFor();
});
