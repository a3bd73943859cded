// Each widget in its states, from the gallery: no barriers in either language, in the light, in the dark, on a phone; and a picture of each.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { barriers, browser, scratch, screens, workspace, youji } from './support.js';

/** Longest that a test may take; the first build compiles the SDK. */
const LONG = 900000;

const PAGES = { en: ['Layout', 'Shown', 'Controls'], zh: ['排版', '展示', '操作'] };
/** Widgets that are the page itself, or that hold what is shown. */
const KINDS = {
  Layout: ['stack', 'row', 'grid', 'card', 'divider', 'list-item', 'list', 'scroll', 'tabs'],
  Shown: ['text', 'image', 'icon', 'badge', 'progress', 'fact-list', 'table', 'qr'],
  Controls: ['button', 'text-field', 'checkbox-group', 'radio-group', 'select', 'stepper', 'switch', 'date-time'],
};

let kiosk;

before(async () => {
  const data = scratch('gallery');
  const env = { ...process.env, XDG_DATA_HOME: scratch('author') };
  execFileSync(youji, ['publish', '--dir', 'sdk/gallery', '--data', data, '--json'], { cwd: workspace, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const child = spawn(youji, ['serve', '--json', '--no-open', '--port', '0', '--data', data], { cwd: workspace, stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const line = await new Promise((done) => createInterface({ input: child.stdout }).once('line', done));
  kiosk = { report: JSON.parse(line), child };
}, { timeout: LONG });

after(() => kiosk?.child.kill('SIGINT'));

for (const [name, language, options] of [
  ['a kiosk in English', 'en', { viewport: { width: 1280, height: 900 } }],
  ['a phone in Chinese in the dark', 'zh', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ['a narrow phone in English', 'en', { viewport: { width: 320, height: 640 } }],
]) {
  test(`no barriers on any widget: ${name}`, { timeout: LONG }, async (t) => {
    const { page } = await browser(t, { permissions: [], ...options });
    await page.goto(kiosk.report.address);
    await page.locator(`.language [data-language=${language}]`).first().click();
    await page.locator('.who-btn').click();
    await page.getByText(language === 'en' ? 'Be a visitor' : '以访客身份').first().click();
    await page.locator('.rail').getByText(language === 'en' ? 'Gallery' : '组件集').first().click();
    const body = page.locator('.program-body');
    for (const [at, title] of PAGES[language].entries()) {
      await body.getByText(title, { exact: true }).first().click();
      const kinds = Object.values(KINDS)[at];
      for (const kind of kinds) await body.getByText(kind, { exact: true }).first().waitFor();
      assert.deepEqual(await barriers(page), [], `barriers on ${title}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${title} is ${wide} pixels wider than the screen`);
      if (name === 'a kiosk in English') {
        const folder = join(screens, 'widgets');
        mkdirSync(folder, { recursive: true });
        for (const kind of kinds) {
          const sample = body.getByText(kind, { exact: true }).first().locator('xpath=..');
          await sample.screenshot({ path: join(folder, `${kind}.png`) });
        }
      }
      await page.locator('.program-bar button').first().click();
      await body.getByText(PAGES[language][0], { exact: true }).first().waitFor();
    }
  });
}
