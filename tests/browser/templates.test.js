// Message templates: what the sheet says of each, what one yes is for, and where the person sees and changes it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { barriers, browser, demo, scratch, shot, workspace, youji } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;

let kiosk;

before(async () => {
  const data = scratch('templates');
  const key = join(scratch('key'), 'author.key');
  execFileSync(youji, ['keygen', '--out', key], { cwd: workspace });
  execFileSync(youji, ['publish', '--dir', join(workspace, 'tests/hostile/prober'), '--key', key, '--data', data, '--publisher', 'Tea House', '--json'], { cwd: workspace });
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

test('one yes is one message of a one-time template, and the person’s page says so', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address);
  await page.evaluate(() => fetch('/api/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"language":"en"}' }));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText('Prober').first().click();
  const body = page.locator('.program-body');
  let runs = 0;
  const said = async (command) => {
    await body.getByLabel('command').fill(command);
    await body.getByRole('button', { name: 'do' }).click();
    const line = body.getByText(`#${(runs += 1)} `);
    await line.waitFor();
    return line.innerText();
  };
  const me = (await said('open-id')).split(' ')[2];
  const consents = async () => (await page.evaluate(async () => (await fetch('/api/person/consents')).json())).consents;
  const sheet = page.locator('.sheet-subscribe');

  await said('subscribe|ready,called');
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  const asked = (name) => sheet.locator('.sheet-scope', { hasText: name });
  assert.match(await asked('Ready').innerText(), /Each time, until you take it back/);
  assert.match(await asked('Your turn').innerText(), /One message/);
  assert.deepEqual(await barriers(page), [], 'barriers on the sheet');
  await shot(page, '34-templates');
  await asked('Ready').click();
  await sheet.getByRole('button', { name: /^Allow/ }).click();
  await sheet.waitFor({ state: 'detached' });
  await body.getByText('template.called=accepted;template.ready=rejected').waitFor();
  assert.deepEqual((await consents()).map(({ scope, state, left }) => [scope, state, left]), [['message.called', 'granted', 1], ['message.ready', 'denied', null]]);

  assert.match(await said(`send|${me}|called|1|number=7`), /ok/);
  await page.locator('.toast').getByText('Number 7').waitFor();
  assert.match(await said(`send|${me}|called|2|number=8`), /refused denied/);
  assert.match(await said(`send|${me}|ready|3|number=9`), /refused denied/);

  // What was refused is not asked for again; the next single message is.
  await said('subscribe|ready,called');
  await sheet.locator('.sheet-yes:not([aria-disabled])').waitFor();
  assert.equal(await sheet.locator('.sheet-scope').count(), 1);
  await sheet.getByRole('button', { name: /^Allow/ }).click();
  await sheet.waitFor({ state: 'detached' });

  // The person's own page: how many may still come, and a switch that ends it at once.
  await page.getByRole('button', { name: 'Consents' }).click();
  const panel = page.locator('dialog.panel');
  await panel.getByText(/messages still to come: 1/).waitFor();
  const called = panel.locator('.w-switch-row', { hasText: 'called' });
  await called.click();
  await called.locator('input:not([disabled]):not(:checked)').waitFor({ state: 'attached' });
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  assert.match(await said(`send|${me}|called|4|number=10`), /refused denied/);
});
