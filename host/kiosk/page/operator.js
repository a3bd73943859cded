// The operator's page: a PIN of its own, then who may publish, who has money, what runs, and the way back to nothing.

import { h, fill, token } from './dom.js';
import { t, tOr, named, money, digits, bytes, micros, count, duration, setLanguage, onLanguage } from './i18n.js';
import { api, asProblem } from './api.js';
import { icon } from './icons.js';
import { btn, form, problemBox, empty, confirm, toast, dialog, skeleton } from './ui.js';
import { mark } from './art.js';
import { languageSwitch } from './language.js';
import { Camera } from './camera.js';
import { showMerchants } from './merchants.js';

const EVERY_MS = 3000;
let main;
let timer = 0;
let last = null;
let currency = 'CNY';
let names = new Map();

/** Builds the page. */
export async function operate() {
  setLanguage(navigator.language);
  document.body.dataset.stage = 'operator';
  const state = await api.state().catch(() => null);
  if (state) {
    setLanguage(state.language);
    currency = state.kiosk?.currency ?? 'CNY';
    names = new Map(state.programs.map((program) => [program.id, program.name]));
  }
  main = h('main', { class: 'operator', id: 'main', tabindex: '-1' });
  const header = h('header', { class: 'host-bar' });
  const head = () => fill(header, h('a', { class: 'brand', href: '/', 'aria-label': `${t('op.title')}: ${t('op.back')}` }, mark(), h('span', { class: 'brand-name', text: t('op.title') })), h('div', { class: 'host-tools' }, h('a', { class: 'btn tone-quiet', href: '/' }, h('span', { class: 'btn-icon' }, icon('home')), h('span', { class: 'btn-label', text: t('op.back') })), languageSwitch()));
  fill(document.body, h('a', { class: 'skip', href: '#main', text: t('a11y.skip') }), header, main);
  head();
  onLanguage(() => {
    head();
    if (last) draw(last);
    else signIn();
  });
  fill(main, skeleton(5));
  refresh(true);
}

async function refresh(first) {
  clearTimeout(timer);
  try {
    const summary = await api.summary();
    const fresh = JSON.stringify(summary);
    // Not while somebody types or has opened something: nothing jumps under a finger.
    const typing = last && main.contains(document.activeElement?.closest?.('input'));
    if (fresh !== JSON.stringify(last) && !typing) draw(summary);
    last = summary;
    timer = setTimeout(refresh, EVERY_MS);
  } catch (error) {
    const problem = asProblem(error);
    if (problem.status === 401 || problem.status === 403) {
      const was = last;
      last = null;
      return signIn(was && !first ? t('op.ended') : '');
    }
    if (first || !last) fill(main, problemBox(problem, btn(t('retry'), () => refresh(true), { tone: 'primary' })));
    else toast({ symbol: 'unplug', title: problem.title, detail: problem.remedy });
    timer = setTimeout(refresh, EVERY_MS * 2);
  }
}

function signIn(note) {
  fill(
    main,
    h(
      'section',
      { class: 'operator-door' },
      mark('large'),
      h('h1', { text: t('op.title') }),
      h('p', { class: 'dialog-lead', text: note || t('op.lead') }),
      form({
        fields: [{ name: 'pin', label: t('op.pin'), type: 'password', inputmode: 'numeric', max: 32, autofocus: true }],
        label: t('op.enter'),
        submit: async ({ pin }) => {
          await api.operatorSignIn(pin);
          await refresh(true);
        },
      }),
    ),
  );
  main.querySelector('input')?.focus();
}

const part = (title, ...content) => h('section', { class: 'op-part' }, h('h2', { text: title }), content);

function draw({ day = {}, live = [], publishers = [], people = [], programs = [], asked = [], registries = [], host = {} }) {
  const focus = document.activeElement?.dataset?.key;
  const figures = [['scans', count(day.scans)], ['opens', count(day.opens)], ['orders', count(day.orders)], ['turnover', money(day.turnover ?? 0, currency)], ['unloads', count(day.unloads)], ['faults', count(day.faults)]];
  fill(
    main,
    h('h1', { class: 'sr', text: t('op.title') }),
    part(t('op.today'), h('dl', { class: 'op-day' }, figures.map(([name, value]) => h('div', { class: name === 'faults' && Number(day.faults) > 0 ? 'bad' : null }, h('dt', { text: t(`op.${name}`) }), h('dd', { text: value }))))),
    part(t('op.live'), live.length ? liveTable(live) : h('p', { class: 'op-none', text: t('op.live-none') })),
    part(t('op.people'), people.length ? h('ul', { class: 'rows' }, people.map(personRow)) : h('p', { class: 'op-none', text: t('op.people-none') })),
    part(t('op.publishers'), h('p', { class: 'op-note', text: t('op.publishers-d') }), publishers.length ? h('ul', { class: 'rows' }, publishers.map(publisherRow)) : empty('package', t('op.publishers-none'))),
    part(
      t('op.programs'),
      h('p', { class: 'op-note', text: t('op.programs-d') }),
      asked.length ? h('ul', { class: 'rows' }, asked.map(askedRow)) : null,
      programs.length ? h('ul', { class: 'rows' }, programs.map(programRow)) : empty('package', t('op.programs-none')),
      registries.length ? [h('h3', { text: t('op.registries') }), h('ul', { class: 'rows' }, registries.map(registryRow)), h('div', { class: 'op-actions' }, btn(t('op.refresh'), lookForNews, { symbol: 'globe', 'data-key': 'news' }))] : null,
    ),
    part(
      t('op.kiosk'),
      h(
        'div',
        { class: 'op-actions' },
        h('a', { class: 'btn tone-plain', href: '/api/operator/posters', target: '_blank', rel: 'noopener' }, h('span', { class: 'btn-icon' }, icon('print')), h('span', { class: 'btn-label', text: t('op.posters') })),
        btn(t('op.camera'), checkCamera, { symbol: 'camera', busyWhile: false, 'data-key': 'camera' }),
        btn(t('op.merchants'), () => showMerchants(), { symbol: 'shop', busyWhile: false, 'data-key': 'merchants' }),
        btn(t('op.compact'), compact, { symbol: 'package', 'data-key': 'compact' }),
        btn(t('op.reset'), resetAll, { symbol: 'trash', tone: 'bad', 'data-key': 'reset' }),
        btn(t('op.leave'), async () => {
          await api.operatorSignOut().catch(() => {});
          location.reload();
        }, { symbol: 'leave', tone: 'quiet' }),
      ),
    ),
    part(t('op.host'), h('dl', { class: 'w-facts' }, [['version', host.version], ['uptime', duration((host.uptimeS ?? 0) * 1000)], ['rss', bytes(host.rssBytes)], ['data', host.data]].map(([name, value]) => h('div', { class: 'w-fact' }, h('dt', { text: t(`op.${name}`) }), h('dd', { text: value ?? '' }))))),
  );
  if (focus) main.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

function liveTable(live) {
  const cells = (tag, values) => values.map((value, index) => h(tag, { class: index > 1 ? 'numeric' : null, scope: tag === 'th' ? 'col' : null, text: value }));
  return h(
    'div',
    { class: 'w-table', tabindex: '0', role: 'group', 'aria-label': t('op.live') },
    h('table', {}, h('thead', {}, h('tr', {}, cells('th', [t('op.program'), t('op.state'), t('op.memory'), t('op.cpu')]))), h('tbody', {}, live.map((one) => h('tr', {}, cells('td', [named(names.get(one.program) ?? one.program), tOr(`live.${one.state}`, one.state), bytes(one.memoryBytes), micros(one.cpuUs)]))))),
  );
}

function personRow(one) {
  const open = () => {
    const key = token();
    const it = dialog(
      { title: `${t('op.top-up')} · ${one.name}`, className: 'small' },
      form({
        fields: [{ name: 'amount', label: `${t('op.amount')} (${currency})`, inputmode: 'decimal', placeholder: (50).toFixed(digits(currency)), max: 12, autofocus: true }],
        label: t('op.top-up'),
        submit: async ({ amount }) => {
          // The key stays the same until it is done: a second try after a lost answer adds nothing twice.
          await api.topUp(one.id, amount.trim().replace(',', '.'), key);
          it.close();
          toast({ symbol: 'check', title: t('op.topped', { name: one.name, amount: money(amount.trim().replace(',', '.'), currency) }), tone: 'good' });
          refresh();
        },
      }),
    );
  };
  return h('li', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { class: 'row-title' }, h('bdi', { text: one.name }), one.visitor ? h('span', { class: 'tag', text: t('me.visitor') }) : null), one.code ? h('p', { class: 'row-note', text: t('op.code', { code: one.code }) }) : null), h('strong', { class: 'row-amount', text: money(one.balance, currency) }), btn(t('op.top-up'), open, { tone: 'plain', 'data-key': `top-${one.id}`, 'aria-label': `${t('op.top-up')}: ${one.name}` }));
}

function publisherRow(one) {
  const wrong = h('div');
  const input = h('input', { type: 'checkbox', role: 'switch', checked: one.allowed, 'data-key': `pub-${one.id}` });
  input.addEventListener('change', async () => {
    const wanted = input.checked;
    fill(wrong);
    try {
      await api.setPublisher(one.id, wanted);
      last = null;
      input.blur();
      refresh();
    } catch (error) {
      input.checked = !wanted;
      fill(wrong, problemBox(asProblem(error)));
    }
  });
  const n = Array.isArray(one.programs) ? one.programs.length : one.programs;
  return h('li', { class: 'row-item' }, h('label', { class: 'w-switch-row' }, h('span', { class: 'row-words' }, h('span', { class: 'row-title', text: named(one.name), dir: 'auto' }), h('span', { class: 'row-note', text: `${one.id} · ${t('op.n-programs', { n: n ?? 0 })}` })), input, h('span', { class: 'w-switch-track' })), wrong);
}

async function compact() {
  try {
    const { bytesBefore = 0, bytesAfter = 0 } = await api.compact();
    toast({ symbol: 'check', title: t('op.compact-done'), detail: t('op.compact-bytes', { bytes: bytes(bytesBefore - bytesAfter) }), tone: 'good' });
  } catch (error) {
    const problem = asProblem(error);
    toast({ symbol: 'alert', title: problem.title, detail: problem.remedy, tone: 'bad' });
  }
}

/** A publisher whom nobody allowed, and of whom somebody wanted a program. */
function askedRow(one) {
  const allow = () => {
    const it = dialog(
      { title: t('op.wanted', { program: one.program }), className: 'small' },
      h('p', { class: 'dialog-lead', text: t('op.wanted-d') }),
      h('p', { class: 'op-key', dir: 'ltr', text: one.publisher }),
      form({
        fields: [{ name: 'name', label: t('op.allow-name'), max: 64, autofocus: true }],
        label: t('op.allow'),
        submit: async ({ name }) => {
          await api.answerAsked(one.publisher, name.trim());
          it.close();
          toast({ symbol: 'check', title: t('op.allowed-now', { name: name.trim() }), tone: 'good' });
          refresh();
        },
      }),
    );
  };
  const dismiss = async () => {
    await api.answerAsked(one.publisher).catch(said);
    refresh();
  };
  return h(
    'li',
    { class: 'row-item op-asked' },
    h('div', { class: 'row-words' }, h('p', { class: 'row-title', text: t('op.wanted', { program: one.program }) }), h('p', { class: 'row-note', text: `${one.publisher} · ${t('op.from', { registry: one.registry })}` })),
    btn(t('op.dismiss'), dismiss, { tone: 'quiet', 'data-key': `no-${one.publisher}-${one.program}` }),
    btn(t('op.allow'), allow, { tone: 'primary', 'data-key': `yes-${one.publisher}-${one.program}`, 'aria-label': `${t('op.allow')}: ${one.program}` }),
  );
}

function programRow(one) {
  const name = named(one.name);
  const opens = one.versions.find((version) => version.code === one.release);
  const notes = [one.id, one.registry ? t('op.from', { registry: one.registry }) : one.publisher];
  const state = [one.open && one.allowed ? null : 'op.closed', one.held ? 'op.held' : null, one.trial ? 'op.tried' : null].filter(Boolean);
  return h(
    'li',
    { class: 'row-item' },
    h('div', { class: 'row-words' }, h('p', { class: 'row-title' }, h('bdi', { text: name }), state.map((key) => h('span', { class: key === 'op.closed' ? 'tag bad' : 'tag', text: t(key) }))), h('p', { class: 'row-note', text: notes.join(' · ') })),
    opens ? h('strong', { class: 'row-amount', text: opens.name }) : null,
    btn(t('op.versions'), () => chooseVersion(one, name), { tone: 'plain', 'data-key': `ver-${one.id}`, 'aria-label': `${t('op.versions')}: ${name}` }),
  );
}

/** Which version of a program opens for everybody. */
function chooseVersion(one, name) {
  const wrong = h('div');
  const use = async (version) => {
    fill(wrong);
    try {
      await api.chooseVersion(one.id, version.code);
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
      return;
    }
    it.close();
    toast({ symbol: 'check', title: t('op.used', { program: name, version: version.name }), tone: 'good' });
    refresh();
  };
  const row = (version) => {
    const current = version.code === one.release;
    const withdrawn = version.yanked != null;
    const tags = [current ? 'op.current' : null, version.channel === 'trial' ? 'op.tried' : null, withdrawn ? 'op.yanked' : null, version.here ? null : 'op.not-here'].filter(Boolean);
    return h(
      'li',
      { class: 'row-item' },
      h('div', { class: 'row-words' }, h('p', { class: 'row-title' }, h('bdi', { text: version.name }), tags.map((key) => h('span', { class: key === 'op.yanked' ? 'tag bad' : 'tag', text: t(key) }))), h('p', { class: 'row-note', dir: 'auto', text: version.yanked || t('op.code-n', { n: version.code }) })),
      current || withdrawn ? null : btn(t('op.use'), () => use(version), { tone: 'plain', 'aria-label': `${t('op.use')}: ${version.name}` }),
    );
  };
  const it = dialog({ title: `${t('op.versions')} · ${name}` }, h('p', { class: 'dialog-lead', text: t('op.versions-d') }), h('ul', { class: 'rows' }, [...one.versions].reverse().map(row)), wrong);
}

function registryRow(one) {
  const words = one.failed ? t('op.registry-failed') : one.answeredS == null ? t('op.registry-new') : t('op.registry-ok', { n: one.programs, ago: duration(one.answeredS * 1000) });
  return h('li', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { class: 'row-title', dir: 'ltr', text: one.address }), h('p', { class: one.failed ? 'row-note bad' : 'row-note', text: words }), one.failed ? h('p', { class: 'row-note', lang: 'en', text: one.failed }) : null, one.leftOut ? h('p', { class: 'row-note bad', text: t('op.registry-old', { n: one.leftOut }) }) : null));
}

async function lookForNews() {
  try {
    const { failed } = await api.refreshPrograms();
    if (failed.length) toast({ symbol: 'alert', title: t('op.refresh-failed'), detail: failed[0], tone: 'bad' });
    else toast({ symbol: 'check', title: t('op.refreshed'), tone: 'good' });
    refresh();
  } catch (error) {
    said(error);
  }
}

function said(error) {
  const problem = asProblem(error);
  toast({ symbol: 'alert', title: problem.title, detail: problem.remedy, tone: 'bad' });
}

async function resetAll() {
  if (!(await confirm({ title: t('op.reset-q'), detail: t('op.reset-d'), yes: t('op.reset'), no: t('me.leave-no') }))) return;
  try {
    await api.resetAll();
    toast({ symbol: 'check', title: t('op.reset-done'), tone: 'good' });
    refresh();
  } catch (error) {
    const problem = asProblem(error);
    toast({ symbol: 'alert', title: problem.title, detail: problem.remedy, tone: 'bad' });
  }
}

function checkCamera() {
  const video = h('video', { class: 'scan-video', playsinline: true, 'aria-hidden': 'true' });
  video.muted = true;
  const said = h('p', { class: 'dialog-lead', role: 'status', text: t('scan.starting') });
  let frames = 0;
  let start = 0;
  const camera = new Camera(video, {
    live: () => (start = performance.now()),
    dark: (dark) => dark && (said.textContent = `${t('scan.dark')} ${t('scan.dark-d')}`),
    failed: (reason, detail) => (said.textContent = `${t(`scan.${reason}`)}. ${t(`scan.${reason}-d`, { reason: detail ?? '' })}`),
    frame: (codes, size, ms) => {
      frames += 1;
      const fps = (frames / (performance.now() - start)) * 1000;
      if (frames % 5 === 0) said.textContent = `${t('op.camera-ok', { w: video.videoWidth, h: video.videoHeight, fps: count(fps), ms: micros(ms * 1000) })}${codes[0] ? ` · ${codes[0].text}` : ''}`;
    },
    code: () => {},
  });
  const it = dialog({ title: t('op.camera'), className: 'camera-check' }, h('div', { class: 'scan-view' }, video), said);
  it.closed.then(() => camera.stop());
  camera.start();
}
