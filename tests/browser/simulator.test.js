// An author's page: a new project, a tap, an edit, a broken edit, a launch in another language, and what stands beside the program.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { barriers, browser, scratch, shot, workspace, youji } from './support.js';

/** Longest that a test may take; the first build compiles the SDK. */
const LONG = 900000;

/** `youji dev` on a new counter; `lines` are what it prints. */
async function author(t) {
  const home = scratch('author');
  const env = { ...process.env, XDG_DATA_HOME: home, CARGO_NET_OFFLINE: 'true' };
  execFileSync(youji, ['new', 'tea-house', '--parent', home, '--json'], { cwd: workspace, env });
  const dir = join(home, 'tea-house');
  const child = spawn(youji, ['dev', dir, '--port', '0', '--no-open', '--json', '--language', 'en'], { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGINT'));
  const lines = [];
  const first = new Promise((done) => createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    done(lines[0]);
  }));
  const { page } = await first;
  return { source: join(dir, 'src/lib.rs'), page, lines };
}

test('an author sees what they write and what it does', { timeout: LONG }, async (t) => {
  const { source, page: address, lines } = await author(t);
  const { page } = await browser(t);
  const trouble = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  await page.goto(address);
  await page.locator('.language [data-language=en]').first().click();
  const stage = page.locator('.stage-screen');
  const beside = page.locator('.dev-inspector');
  const tab = (name) => page.getByRole('tab', { name, exact: true }).click();
  await stage.getByRole('button', { name: 'One more' }).click();
  await stage.getByRole('button', { name: 'One more' }).click();
  await stage.getByText('2', { exact: true }).waitFor();
  assert.equal(await page.locator('.dev-qr').count(), 1, 'a code for phones');

  await tab('Events');
  await beside.getByText('tap', { exact: true }).first().waitFor();
  await tab('View tree');
  await beside.locator('.dev-tree').getByText('button').first().waitFor();
  await tab('Host calls');
  await beside.getByText('The program has not called the host yet').waitFor();
  await tab('Permissions');
  await beside.getByText('No permission is requested').waitFor();
  await tab('Cost');
  await beside.getByText('Time of the launch').waitFor();
  assert.deepEqual(await barriers(page), []);
  await shot(page, 'simulator');

  // An edit is on the stage, and the count is still there.
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, text.replace('"One more"', '"Another one"'));
  await stage.getByRole('button', { name: 'Another one' }).waitFor();
  await stage.getByText('2', { exact: true }).waitFor();
  await stage.getByText('state kept').waitFor();

  // A broken one leaves it there, and says where.
  writeFileSync(source, text.replace('fn save(', 'fn save_('));
  await page.locator('.dev-status.is-failed').waitFor();
  await page.locator('.dev-status').getByText(/^src\/lib\.rs:\d+:\d+$/).first().waitFor();
  await stage.getByRole('button', { name: 'Another one' }).click();
  await stage.getByText('3', { exact: true }).waitFor();
  assert.deepEqual(await barriers(page), []);
  await shot(page, 'simulator-broken');
  assert.ok(lines.some((line) => line.what === 'failed' && line.places.length > 0), 'the terminal says so too');

  // A trap says where in the source.
  writeFileSync(source, text.replace('self.count.saturating_add(1)', '[1, 2, 3][self.count as usize + 3]'));
  await stage.getByRole('button', { name: 'One more' }).click();
  await stage.getByText(/^src\/lib\.rs:\d+ in .*update/).waitFor();
  assert.deepEqual(await barriers(page), []);
  await shot(page, 'simulator-trap');

  // Launched by another person in another language.
  writeFileSync(source, text);
  await stage.getByRole('button', { name: 'One more' }).waitFor();
  await page.locator('.dev-form').getByLabel('Language').selectOption('zh-CN');
  await page.getByLabel('Who').selectOption('staff');
  await page.getByRole('button', { name: 'Launch' }).click();
  await stage.getByRole('button', { name: '加一' }).waitFor();
  await stage.getByText('0', { exact: true }).waitFor();
  assert.deepEqual(trouble, []);
});
