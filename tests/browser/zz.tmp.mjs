import { demo, browser, barriers } from '/work/w/people/tests/browser/support.js';
import { test } from 'node:test';
test('shots', { timeout: 500000 }, async (t) => {
  const kiosk = await demo({});
  t.after(() => kiosk.stop());
  for (const [lang, size, viewport] of [['en','kiosk',{width:1280,height:800}],['zh','phone',{width:390,height:844}]]) {
    const { page } = await browser(t, { permissions: [], viewport });
    const shot = async (name) => { await page.waitForTimeout(500); await page.screenshot({ path: `/work/w/people/target/screens/${name}-${lang}-${size}.png` }); };
    const chef = kiosk.report.people.find((known) => known.code === 'chef');
    await page.goto(kiosk.report.address);
    await page.evaluate(({code,pin}) => fetch('/api/sign-in', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({code,pin}) }), chef);
    await page.reload();
    await page.locator(`.language [data-language=${lang}]`).first().click();
    await shot('home-chef');
    await page.locator('.card-entry').nth(3).click();
    await page.locator('dialog .form').first().waitFor();
    await shot('counter');
    await page.keyboard.press('Escape');
    await page.locator('.card-entry').nth(1).click();
    await page.locator('dialog').first().waitFor();
    await shot('chats');
    await page.evaluate(async () => {
      const post = async (p, b) => (await fetch(p, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(b) })).json();
      const { id } = await post('/api/chats', { title: 'Friends of the long lunch on Thursdays' });
      const said = ['Hello', 'Who is in for noodles today? I could book a table for six at noon, near the window if they have one.', '好的', '在吗？'];
      for (const [i, text] of said.entries()) await post(`/api/chats/${id}/say`, { clientId: `c${i}`, text });
      return id;
    });
    await page.keyboard.press('Escape');
    await page.reload();
    await page.locator('.person-card').waitFor();
    await page.locator('.card-entry').nth(1).click();
    await page.locator('.chat-row, .rows').first().waitFor();
    await shot('chats-list');
    await page.locator('dialog').getByText(/Friends of/).first().click();
    await page.locator('.chat-bubble').first().waitFor();
    await shot('chat');
    console.log(lang, size, await barriers(page));
  }
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address + '/operator');
  const shot = async (name) => { await page.waitForTimeout(500); await page.screenshot({ path: `/work/w/people/target/screens/${name}.png` }); };
  await page.locator('input').first().fill(kiosk.report.operatorPin ?? kiosk.report.operator?.pin ?? '');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(1500);
  await shot('operator');
  await page.screenshot({ path: '/work/w/people/target/screens/operator-full.png', fullPage: true });
  console.log(Object.keys(kiosk.report));
});
