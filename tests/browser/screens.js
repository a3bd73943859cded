// Pictures of every screen and sheet, to look at: node tests/browser/screens.js [kiosk|phone] [zh|en] [light|dark] [--axe] [--readme]
//
// They go to target/screens/look/DEVICE-LANGUAGE-SCHEME/. Sheets that no sample program asks for are sent to the page in the host's
// place. Each screen is also checked: text that is cut off, what is too small to hit on a phone, a page that is wider than its screen,
// errors of the page; with --axe also what axe finds. Whatever is found, or a screen that does not come, ends it with 1. With --readme
// the pictures of the README are taken too.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DISH, words as english } from './restaurant.js';
import { barriers, browser, code, demo, film, screens, workspace } from './support.js';

const chosen = (all) => all.filter((one) => process.argv.includes(one));
const some = (all, usual = all) => (chosen(all).length ? chosen(all) : usual);
const readme = process.argv.includes('--readme');
const axe = process.argv.includes('--axe');

/** All that is wrong, as lines. */
const findings = [];
const found = (line) => {
  findings.push(line);
  console.error(line);
};
let pictures = 0;

const DEVICES = {
  kiosk: { viewport: { width: 1920, height: 1080 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

const CHINESE = { dish: '红烧牛肉面', add: /^加入购物车/, cart: /^去下单/, pay: /^付款 /, kitchen: /后厨/, start: /^开始做/, done: /^做好了/, bills: '我的账单', paid: '后厨已收到。' };
const ENGLISH = { dish: DISH, add: english.add, cart: english.cart, pay: english.pay, kitchen: english.kitchen, start: english.start, done: english.markReady, bills: 'My bills', paid: english.paid };

const both = (zh, en) => (language) => (language === 'zh' ? zh : en);
const who = { program: both('旧物集市', 'Second Hand Market'), publisher: both('有机示范', 'Youji Demo') };
const soon = Date.now() + 7 * 86_400_000;

/** Sheets as the host would send them. */
const SHEETS = {
  consent: (l) => ({
    kind: 'consent',
    scopes: [
      { scope: 'identity.nickname', reason: both('写在你的帖子上', 'To stand on what you post')(l), value: both('小明', 'Ming')(l) },
      { scope: 'identity.phone', reason: both('让卖家约你当面交接，只在成交以后给', 'So that the seller can arrange to meet you, and only once you have agreed on a price')(l), value: '138 0013 8000' },
      { scope: 'location', reason: both('找附近的东西', 'To find what is near')(l), value: '' },
    ],
  }),
  subscribe: (l) => ({ kind: 'subscribe', templates: [['sold', both('卖出去了', 'It was sold')(l)], ['asked', both('有人问价', 'Somebody asks for the price')(l)]] }),
  share: (l) => ({
    kind: 'share',
    title: both('九成新的胶片相机', 'Film camera, as good as new')(l),
    summary: both('320 元，可以当面看', '320 yuan, come and look at it')(l),
    chats: [{ chat: 'a', title: both('周末出游', 'Weekend trip')(l), group: true, members: 5 }, { chat: 'b', title: both('小红', 'Hong')(l), group: false, members: 2 }],
  }),
  open: (l) => ({
    kind: 'open',
    target: both('一盏小馆', 'Lantern Kitchen')(l),
    targetPublisher: both('有机示范', 'Youji Demo')(l),
    opens: { program: 'youji.restaurant', page: 'pages/menu', query: [['table', '7'], ['from', both('旧物集市的午饭推荐', 'Lunch near the market')(l)]] },
  }),
  escrow: (l) => pay(l, { mode: 'escrow', until: soon, atExpiry: 'capture', fee: '6.40', count: 0 }, both('九成新的胶片相机', 'Film camera, as good as new')(l)),
  deposit: (l) => pay(l, { mode: 'deposit', until: soon, atExpiry: 'cancel', fee: '', count: 0 }, both('借一把伞', 'An umbrella to borrow')(l)),
  pool: (l) => pay(l, { mode: 'pool', until: soon, atExpiry: 'cancel', fee: '', count: 3 }, both('三人成团：水蜜桃 5 斤', 'A box of peaches, for three to share')(l)),
  packet: (l) => pay(l, { mode: 'packet', until: soon, atExpiry: 'cancel', fee: '', count: 8 }, both('恭喜发财', 'Happy new year')(l), []),
  short: (l) => ({ ...pay(l, { mode: 'pay' }, both('手工皮面大书桌，含送货上门和安装', 'Writing desk, brought to your door and set up')(l)), amount: '12800.00', affordable: false }),
};

const pay = (l, terms, purpose, lines = [[both('富士 X-700 胶片相机', 'Fuji X-700 film camera')(l), 1, '298.00'], [both('柯达 Gold 200 胶卷', 'Kodak Gold 200 film')(l), 2, '22.00']]) => ({
  kind: 'payment',
  payee: both('周记旧相机', 'Zhou’s old cameras')(l),
  amount: '320.00',
  currency: 'CNY',
  purpose,
  lines,
  balance: '500.00',
  affordable: true,
  pin: terms.mode === 'escrow',
  terms,
});

async function device(name, language, scheme) {
  const ends = [];
  const pages = [];
  try {
    await walk(name, language, scheme, { after: (run) => ends.unshift(run) }, pages);
  } catch (error) {
    found(`${name} ${language} ${scheme}: ${error.stack}`);
    for (const [index, page] of pages.entries()) await page.screenshot({ path: join(screens, 'look', `${name}-${language}-${scheme}`, `failed-${index}.png`) }).catch(() => {});
  } finally {
    for (const end of ends) await end().catch(() => {});
  }
}

async function walk(name, language, scheme, t, pages) {
  const kiosk = await demo();
  t.after(kiosk.stop);
  const address = kiosk.report.address;
  const folder = join(screens, 'look', `${name}-${language}-${scheme}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const words = language === 'zh' ? CHINESE : ENGLISH;
  const camera = film([[null, 1], [code(kiosk.report, 'restaurant', 'T7'), 30]]);
  const options = { ...DEVICES[name], colorScheme: scheme, locale: language === 'zh' ? 'zh-CN' : 'en-US' };

  const enter = async (more = {}) => {
    const it = await browser(t, { permissions: [], ...options, ...more });
    const sent = [];
    await it.page.routeWebSocket(/\/socket$/, (socket) => {
      socket.connectToServer();
      sent.push((frame) => socket.send(JSON.stringify(frame)));
    });
    it.host = (frame) => sent.at(-1)(frame);
    it.context.setDefaultTimeout(120000);
    pages.push(it.page);
    it.page.on('pageerror', (error) => found(`${name} ${language} ${scheme}: ${error}`));
    await it.page.goto(address);
    await it.page.locator(`.language [data-language=${language}]`).first().click();
    return it;
  };
  let n = 0;
  const shot = async (page, title) => {
    await page.evaluate(() => Promise.race([Promise.all([document.fonts.ready, ...document.getAnimations().map((one) => one.finished.catch(() => {}))]), new Promise((done) => setTimeout(done, 400))]));
    for (const wrong of [...(await cutOff(page)), ...(axe ? await barriers(page) : [])]) found(`${name} ${language} ${scheme} ${title}: ${wrong}`);
    pictures += 1;
    await page.screenshot({ path: join(folder, `${String((n += 1)).padStart(2, '0')}-${title}.png`) });
  };

  if (readme) {
    // The pictures show what the second guest sees: a program is compiled once.
    const first = await enter();
    await first.page.locator('.who-btn').click();
    await first.page.locator('.who-visitor').click();
    await first.page.locator('.app').filter({ hasText: 'Lantern Kitchen' }).click();
    await first.page.locator('.program-body').getByText(words.dish, { exact: true }).first().waitFor();
    await first.page.locator('.bar-close').click();
    await first.page.locator('.receipt').waitFor();
    await first.context.close();
  }

  const { page, host } = await enter();
  await shot(page, 'home');
  for (const step of [1, 2]) {
    await page.evaluate((step) => (document.querySelector('[data-step]').dataset.step = step), step);
    await page.evaluate((step) => [...document.querySelectorAll('.hero-steps li')].forEach((li, index) => li.classList.toggle('now', index === step)), step);
    await shot(page, `attract-${step}`);
  }
  await page.locator('.scan-tool').nth(2).click();
  await shot(page, 'type-code');
  await page.locator('.who-btn').click();
  await page.locator('.who-known summary').click();
  await shot(page, 'who');
  const person = kiosk.report.people.find((known) => known.code === (language === 'zh' ? 'ming' : 'anna'));
  await page.locator('.who-known input').first().fill(person.code);
  await page.locator('.who-known input').last().fill('000000');
  await page.locator('.who-known button[type=submit]').click();
  await page.locator('.who .problem').waitFor();
  await shot(page, 'who-wrong-pin');
  await page.locator('.who-known input').last().fill(person.pin);
  await page.locator('.who-known button[type=submit]').click();
  await page.locator('.person-card').waitFor();
  await shot(page, 'home-signed-in');
  await page.locator('.scan-typing input').fill('https://elsewhere.example/hello');
  await page.locator('.scan-typing button').click();
  await page.locator('.scanner .problem, dialog .problem').first().waitFor();
  await shot(page, 'foreign-code');
  await page.locator('.person-sign').click();
  await shot(page, 'secret-sign');
  await page.keyboard.press('Escape');

  // With a table, as the printed code has it.
  await page.locator('.scan-tool').nth(2).click();
  await page.locator('.scan-typing input').fill(code(kiosk.report, 'restaurant', 'T7'));
  await page.locator('.scan-typing button').click();
  await page.locator('.program-body').getByText(words.dish, { exact: true }).first().waitFor();
  await shot(page, 'menu');
  if (readme && name === 'kiosk' && language === 'en') await page.screenshot({ path: join(workspace, 'host/kiosk/screens/menu.png') });
  await page.locator('.program-body').getByText(words.dish, { exact: true }).first().click();
  await page.getByRole('button', { name: words.add }).waitFor();
  await shot(page, 'dish');
  await page.getByRole('button', { name: words.add }).click();
  await page.getByRole('button', { name: words.cart }).first().click();
  await page.getByRole('button', { name: words.pay }).waitFor();
  await shot(page, 'cart');
  await page.getByRole('button', { name: words.pay }).click();
  await page.locator('.sheet-payment .sheet-yes:not([aria-disabled])').waitFor();
  await shot(page, 'payment');
  if (readme && name === 'kiosk' && language === 'en') await page.screenshot({ path: join(workspace, 'host/kiosk/screens/payment.png') });
  await page.locator('.sheet input[data-pin]').fill('0000');
  await page.locator('.sheet-yes').click();
  await page.locator('.sheet .problem').waitFor();
  await shot(page, 'payment-wrong-pin');
  await page.locator('.sheet input[data-pin]').fill(person.pin);
  await page.locator('.sheet-yes').click();
  await page.locator('.program-body').getByText(words.paid).first().waitFor();
  await page.locator('.sheet-subscribe .sheet-yes:not([aria-disabled])').waitFor();
  await shot(page, 'subscribe-restaurant');
  await page.locator('.sheet-subscribe .sheet-yes').click();
  await page.locator('.sheet').waitFor({ state: 'detached' });
  await shot(page, 'order-paid');

  for (const [title, sheet] of Object.entries(SHEETS)) {
    host({ t: 'sheet', sheet: { id: '00000000000000ff', program: who.program(language), publisher: who.publisher(language), ...sheet(language) } });
    await page.locator('.sheet').waitFor();
    await page.locator('.sheet .sheet-arming.done').waitFor();
    if (title === 'open') await page.locator('.sheet summary').click();
    await shot(page, `sheet-${title}`);
    host({ t: 'sheet-gone', id: '00000000000000ff' });
    await page.locator('.sheet').waitFor({ state: 'detached' });
  }

  // The other side of the counter.
  const staff = await enter();
  const chef = kiosk.report.people.find((known) => known.code === 'chef');
  await staff.page.locator('.who-btn').click();
  await staff.page.locator('.who-known summary').click();
  await staff.page.locator('.who-known input').first().fill(chef.code);
  await staff.page.locator('.who-known input').last().fill(chef.pin);
  await staff.page.locator('.who-known button[type=submit]').click();
  await staff.page.locator('.person-card').waitFor();
  await staff.page.locator('.app').filter({ hasText: language === 'zh' ? '一盏小馆' : 'Lantern Kitchen' }).click();
  await staff.page.getByRole('button', { name: words.kitchen }).first().click();
  await staff.page.getByRole('button', { name: words.start }).waitFor();
  await shot(staff.page, 'kitchen');
  await staff.page.getByRole('button', { name: words.start }).click();
  await staff.page.getByRole('button', { name: words.done }).click();
  await page.locator('.toast').first().waitFor();
  await shot(page, 'order-ready-toast');
  await page.locator('.toast').first().waitFor({ state: 'detached', timeout: 30000 });
  await staff.page.getByRole('tab').last().click();
  await shot(staff.page, 'kitchen-sold-out');

  if (name === 'phone') {
    while (!(await page.locator('.bar-home').isVisible())) {
      const path = await page.locator('.bar-words').innerText();
      await page.locator('.program-bar .icon-btn').first().click();
      await page.waitForFunction((path) => document.querySelector('.bar-words').innerText !== path, path);
    }
    await page.locator('.bar-home').click();
  }
  await page.locator('.person-card').waitFor();
  for (const [index, title] of Object.entries({ 0: 'inbox', 3: 'receipts', 4: 'consents' })) {
    await page.locator('.card-entry').nth(Number(index)).click();
    await page.locator('.panel .rows, .panel .empty').first().waitFor();
    await page.waitForFunction(() => !document.querySelector('.panel .skeleton'));
    await shot(page, title);
    await page.keyboard.press('Escape');
    await page.locator('.panel').waitFor({ state: 'detached' });
  }
  await talk(page, staff.page, language, shot);
  await page.locator('.app').filter({ hasText: language === 'zh' ? '一盏小馆' : 'Lantern Kitchen' }).click();
  await page.locator('.program').waitFor();
  host({ t: 'idle', inMs: 20000 });
  await page.locator('.idle').waitFor();
  await shot(page, 'idle');
  await page.keyboard.press('Shift');
  await page.locator('.idle').waitFor({ state: 'detached' });
  if (name === 'phone') {
    await page.locator('.bar-engine').click();
    await shot(page, 'engine');
    await page.locator('.engine .icon-btn').first().click();
  }
  host({ t: 'not-opened', problem: { code: 'not-found', status: 404, title: 'No such program', detail: 'There is no program market.stamps.', remedy: 'Ask whoever made the code.' } });
  await page.locator('dialog .problem').waitFor();
  await page.locator('dialog .problem-more summary').click();
  await shot(page, 'problem');
  await page.keyboard.press('Escape');
  await page.locator('.bar-close').click();
  await page.locator('.receipt').waitFor();
  await shot(page, 'receipt');
  if (readme && name === 'kiosk' && language === 'en') await page.screenshot({ path: join(workspace, 'host/kiosk/screens/receipt.png') });
  await page.evaluate(() => document.querySelector('.receipt-screen, .stage-screen').scrollTo(0, 1e6));
  await shot(page, 'receipt-end');
  await page.locator('.receipt .dialog-actions .btn').first().click();

  await page.locator('.app').last().click();
  await page.locator('.program-body button').first().waitFor();
  await shot(page, 'second-program');
  host({ t: 'ended', reason: 'fault', fault: { code: 'cpu', message: 'The program computed for 150 ms without an answer. It was stopped.' }, receipt: null });
  await page.locator('.receipt.failed').waitFor();
  await shot(page, 'fault');
  await page.locator('.receipt .dialog-actions .btn').first().click();
  await page.locator('.card-entry').last().click();
  await page.locator('dialog.small').waitFor();
  await shot(page, 'leave');
  await page.keyboard.press('Escape');

  const live = await enter({ permissions: ['camera'], camera });
  await live.page.locator('.scanner[data-state=live], .who').first().waitFor();
  await shot(live.page, 'camera');
  const arrived = await enter();
  await arrived.page.goto(address + new URL(code(kiosk.report, 'restaurant', 'T7')).pathname);
  await arrived.page.locator('.arrival').waitFor();
  await shot(arrived.page, 'arrival');

  await arrived.page.goto(`${address}/operator`);
  await arrived.page.locator('.operator-door').waitFor();
  await shot(arrived.page, 'operator-door');
  await arrived.page.locator('.operator-door input').fill(kiosk.report.operatorPin);
  await arrived.page.locator('.operator-door button[type=submit]').click();
  await arrived.page.locator('.op-day').waitFor();
  await shot(arrived.page, 'operator');
  await arrived.page.locator('.row-item .btn').first().click();
  await shot(arrived.page, 'operator-top-up');
  await arrived.page.keyboard.press('Escape');
  await arrived.page.goto(`${address}/api/operator/posters`);
  await shot(arrived.page, 'posters');
  await arrived.page.goto(pathToFileURL(kiosk.report.posters).href);
  await shot(arrived.page, 'posters-file');

  await live.page.goto(address);
  await kiosk.stop();
  await live.page.locator('.scan-tool').nth(2).click();
  await live.page.locator('.who-btn').click();
  await live.page.locator('.who-visitor').click();
  await live.page.locator('.who .problem').waitFor();
  await shot(live.page, 'host-gone');
}

/** A conversation with something of each kind in it. */
async function talk(page, other, language, shot) {
  const ask = (who, path, body) =>
    who.evaluate(
      async ([path, body]) => {
        const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
        const said = await answer.text();
        if (!answer.ok) throw new Error(`${path}: ${said}`);
        return said && JSON.parse(said);
      },
      [path, body],
    );
  const entry = () => page.locator('.card-entry').nth(1).click();
  await entry();
  await page.locator('.panel .empty').waitFor();
  await shot(page, 'chats-none');
  await page.locator('.chat-ways .btn').first().click();
  await page.locator('dialog.small').waitFor();
  await shot(page, 'chat-new');
  await page.locator('dialog.small .btn').first().click();
  await page.locator('.pay-code-digits').waitFor();
  await shot(page, 'chat-invite');
  await page.locator('dialog.small .dialog-actions .btn').last().click();
  await page.locator('.chat-panel').waitFor();
  await shot(page, 'chat-alone');
  await page.locator('.chat-panel .dialog-head .icon-btn').click();

  const title = both('午饭群', 'Lunch')(language);
  const { id } = await ask(other, '/api/chats', { title });
  const { code: letters } = await ask(other, `/api/chats/${id}/invite`, {});
  await ask(page, '/api/chats/join', { code: letters });
  const said = both(['今天吃什么？', '红烧牛肉面已经好了，来取餐吧。位子在窗边，七号桌。'], ['What is for lunch today?', 'The beef noodles are ready. Come and get them: the table by the window, number seven.'])(language);
  for (const [n, text] of said.entries()) await ask(other, `/api/chats/${id}/say`, { clientId: `s${n}`, text });
  await ask(page, `/api/chats/${id}/say`, { clientId: 'p', text: both('马上来！', 'On my way!')(language) });
  const [program] = (await page.evaluate(async () => (await fetch('/api/state')).json())).programs;
  await ask(other, `/api/chats/${id}/say`, { clientId: 'c', card: { program: program.id } });
  // The list is drawn anew as they arrive: the one that was there first is not the one that is looked for.
  const row = page.locator('.chat-row').filter({ hasText: title }).filter({ has: page.locator('.count') });
  await row.waitFor();
  await shot(page, 'chats');
  await row.click();
  await page.locator('.chat-card').waitFor();
  await shot(page, 'chat');
  await page.locator('.chat-compose .icon-btn').nth(1).click();
  await page.locator('dialog.small .chat-ways .btn').last().click();
  await page.locator('dialog.small input').first().waitFor();
  await shot(page, 'chat-packet');
  await page.keyboard.press('Escape');
  await page.locator('dialog.small').waitFor({ state: 'detached' });
  await page.locator('.chat-tools .btn').last().click();
  await page.locator('dialog.panel:not(.chat-panel) .row-item').first().waitFor();
  await shot(page, 'chat-people');
  await page.keyboard.press('Escape');
  await page.locator('.chat-panel .dialog-head .icon-btn').click();
  await page.locator('.chat-panel').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });
}

/** Text that its box cuts off, and what is too small to hit on a phone. */
const cutOff = (page) =>
  page.evaluate(() => {
    const found = [];
    const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !el.closest('.sr, [aria-hidden=true]');
    const name = (el) => `${el.tagName.toLowerCase()}.${[...el.classList].join('.')} “${(el.innerText || el.getAttribute('aria-label') || '').slice(0, 40)}”`;
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
    for (const el of top.querySelectorAll('*')) {
      if (!seen(el)) continue;
      const style = getComputedStyle(el);
      // Words for screen readers only.
      const unseen = style.clipPath === 'inset(50%)';
      const words = !unseen && [...el.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (words && style.overflow !== 'visible' && (el.scrollWidth > el.clientWidth + 1 || (el.scrollHeight > el.clientHeight + 2 && style.overflowY !== 'auto'))) found.push(`cut off: ${name(el)}`);
      if (!el.matches('button, a[href], summary, input:not([type=checkbox], [type=radio]), select, textarea, label')) continue;
      if (el.matches('label') && !el.querySelector('input')) continue;
      const box = el.getBoundingClientRect();
      if (innerWidth < 500 && box.width > 1 && (box.height < 43.5 || box.width < 43.5)) found.push(`small: ${name(el)} ${Math.round(box.width)} × ${Math.round(box.height)}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
    return [...new Set(found)];
  });

// A kiosk and a phone at the same time: each waits for its own pictures.
for (const language of some(['zh', 'en'])) for (const scheme of some(['light', 'dark'], ['light'])) await Promise.all(some(['kiosk', 'phone']).map((name) => device(name, language, scheme)));
console.log(`${pictures} pictures, ${findings.length} findings`);
process.exit(findings.length ? 1 : 0);
