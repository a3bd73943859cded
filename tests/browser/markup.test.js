// Markup, scripts, addresses and styles in every attribute of every widget: they are text, and nothing of them acts.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, demo, scratch, shot, workspace, youji } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;
const PROGRAM = 'org.example.prober';

let kiosk;

before(async () => {
  const data = scratch('markup');
  const key = join(scratch('key'), 'author.key');
  execFileSync(youji, ['keygen', '--out', key], { cwd: workspace });
  execFileSync(youji, ['publish', '--dir', join(workspace, 'tests/hostile/prober'), '--key', key, '--data', data, '--publisher', 'Tea House', '--json'], { cwd: workspace });
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

/** Every widget but the root, with every attribute that the host's table knows, and some that it does not. */
function widgets() {
  const table = readFileSync(join(workspace, 'host/api/src/widgets.rs'), 'utf8');
  const common = ['described', 'hidden', 'grow', 'style', 'class', 'id', 'href', 'src', 'srcdoc', 'onclick', 'onfocus', 'innerHTML', 'html', 'is', 'slot', 'key'];
  const shared = Object.fromEntries([...table.matchAll(/const (\w+): Attribute = a\("([\w-]+)"/g)].map(([, name, attribute]) => [name, attribute]));
  const all = [...table.matchAll(/Widget \{\s*kind: "([\w-]+)",[\s\S]*?attributes: &\[([\s\S]*?)\],\s*events/g)].map(([, kind, attributes]) => {
    const own = [...attributes.matchAll(/\ba\(\s*"([\w-]+)"/g)].map(([, name]) => name);
    const named = [...attributes.matchAll(/\b([A-Z]+)\b(?=,|\])/g)].map(([, name]) => shared[name]).filter(Boolean);
    return [kind, [...new Set([...own, ...named, ...common])]];
  });
  return all.filter(([kind]) => kind !== 'page');
}

test('markup in every attribute of every widget is text', { timeout: LONG }, async (t) => {
  const all = widgets();
  assert.ok(all.length >= 20 && all.some(([kind, attributes]) => kind === 'button' && attributes.includes('label')), JSON.stringify(all));
  const { context, page } = await browser(t, { permissions: [] });
  const requests = [];
  const dialogs = [];
  await context.addInitScript(() => {
    globalThis.hits = 0;
    globalThis.hit = () => (globalThis.hits += 1);
  });
  page.on('dialog', (dialog) => dialogs.push(dialog.message()));
  await page.goto(kiosk.report.address);
  const command = `draw|${[...all, ['script', ['src', 'text']], ['iframe', ['src', 'srcdoc']], ['img', ['src', 'onerror']]].map(([kind, attributes]) => `${kind}:${attributes.join(',')}`).join('\n')}`;
  const opened = await page.evaluate(
    async ({ program, command }) => {
      const post = (path, body) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      await post('/api/visitor', { language: 'en' });
      const answer = await post('/api/open', { program, page: '', query: { command } });
      return [answer.status, await answer.text()];
    },
    { program: PROGRAM, command },
  );
  assert.equal(opened[0], 200, opened[1]);
  page.on('request', (request) => requests.push(request.url()));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText('Prober').first().click();
  const body = page.locator('.program-body');
  await body.getByText('<script>hit()</script>').first().waitFor();
  await shot(page, '33-markup');

  // Wherever a person may touch it.
  const tappable = body.locator('button, input, textarea, select, [tabindex]');
  for (let at = 0; at < Math.min(await tappable.count(), 40); at++) await tappable.nth(at).focus({ timeout: 5000 }).catch(() => {});
  const found = await body.evaluate((el) => {
    const bad = [];
    for (const one of [document.querySelector('.program-bar'), el].flatMap((root) => [root, ...root.querySelectorAll('*')])) {
      if (['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'STYLE', 'LINK', 'BASE', 'FORM', 'FOREIGNOBJECT'].includes(one.tagName.toUpperCase())) bad.push(one.tagName);
      for (const { name, value } of one.attributes) {
        if (name.startsWith('on') || name === 'srcdoc') bad.push(`${one.tagName} ${name}`);
        if (['src', 'href', 'action', 'formaction', 'xlink:href'].includes(name) && value.includes('hit') && !value.startsWith(`/program/`)) bad.push(`${one.tagName} ${name}=${value}`);
        if (name === 'style' && value.includes('hit')) bad.push(`${one.tagName} style=${value}`);
      }
    }
    return { bad, images: [...el.querySelectorAll('img')].map((img) => img.getAttribute('src')), text: el.innerText };
  });
  assert.deepEqual(found.bad, []);
  assert.ok(found.images.every((src) => src.startsWith('/program/')), found.images.join('\n'));
  assert.ok(found.text.includes('"><img src=x onerror=hit()>'), 'it is read as it was written');
  assert.equal(await page.evaluate(() => globalThis.hits), 0, 'something acted');
  assert.deepEqual(dialogs, []);
  // Nothing was asked of anybody else, and of the host only what the page's own code asks for.
  const { origin } = new URL(kiosk.report.address);
  assert.deepEqual(requests.filter((url) => new URL(url).origin !== origin && !url.startsWith('data:') && !url.startsWith('blob:')), []);
  assert.deepEqual(requests.filter((url) => new URL(url).pathname === '/x'), []);
});
