// What programs may do, what they know, who used it and when; taking it along, and taking it back.

import { h, fill } from './dom.js';
import { t, tOr, named, money, moment, count } from './i18n.js';
import { icon } from './icons.js';
import { api, asProblem } from './api.js';
import { dialog, btn, problemBox, empty, skeleton, confirm, toast } from './ui.js';
import { scopeName } from './sheet.js';

/** A way to change what was refused, where that is the problem. */
export const consentsWay = (problem, before) => (problem.code === 'consent-refused' ? btn(t('me.consents'), () => (before?.(), showPrivacy()), { symbol: 'shield', busyWhile: false }) : null);

/** Everything about the person's data, in one panel. */
export async function showPrivacy() {
  const may = h('div', { class: 'privacy-part' }, skeleton(3));
  const log = h('div', { class: 'privacy-part' }, skeleton(3));
  const part = (title, lead, body, ...more) => h('section', { class: 'privacy-section' }, h('h3', { class: 'privacy-title', text: title }), lead ? h('p', { class: 'row-note', text: lead }) : null, body, more);
  const spending = h('div', { class: 'privacy-part' });
  const take = h('a', { class: 'btn tone-plain', href: '/api/person/export', download: 'youji.json' }, h('span', { class: 'btn-icon' }, icon('down')), h('span', { class: 'btn-label', text: t('privacy.export') }));
  const it = dialog({ title: t('me.consents'), className: 'panel' }, h('div', { class: 'panel-body' }, spending, part(t('privacy.may'), null, may), part(t('privacy.log'), t('privacy.log-d'), log), part(t('privacy.take'), t('privacy.take-d'), take)));
  const drawPrograms = () => load(it, may, programs, (all) => (all.length ? all.map((one) => programCard(one, () => Promise.all([drawPrograms(), drawLog()]))) : empty('shield', t('me.consents-none'), t('me.consents-none-d'))));
  const drawLog = () => load(it, log, () => api.audit(), (page) => (page.records.length ? logList(page) : h('p', { class: 'row-note', text: t('privacy.log-none') })));
  const drawSpending = () => load(it, spending, () => api.spending(), ({ spending: all }) => (all.length ? part(t('spending.here'), t('spending.here-d'), h('ul', { class: 'rows' }, all.map((one) => spendingRow(one, () => Promise.all([drawSpending(), drawLog()]))))) : null));
  await Promise.all([drawSpending(), drawPrograms(), drawLog()]);
}

function spendingRow(one, changed) {
  const wrong = h('div');
  const end = () => api.endSpending(one.id).then(changed, (error) => fill(wrong, problemBox(asProblem(error))));
  return h('li', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { dir: 'auto', text: t('spending.stands', { payee: one.payee, left: money(one.left, one.currency), until: moment(one.until) }) })), btn(t('spending.end'), end, { tone: 'quiet' }), wrong);
}

async function load(it, place, get, draw) {
  try {
    const got = await get();
    if (it.open) fill(place, draw(got));
  } catch (error) {
    if (it.open) fill(place, problemBox(asProblem(error), btn(t('retry'), () => load(it, place, get, draw))));
  }
}

// A program may have been allowed something and keep nothing, or keep something and never have asked.
async function programs() {
  const [{ programs: known }, { consents }] = await Promise.all([api.knownBy(), api.consents()]);
  const all = new Map(known.map((one) => [one.program, { ...one, known: true, consents: [] }]));
  for (const one of consents) {
    if (!all.has(one.program)) all.set(one.program, { program: one.program, name: one.name, known: false, consents: [] });
    all.get(one.program).consents.push(one);
  }
  return [...all.values()];
}

function programCard(one, changed) {
  const name = named(one.name) || one.program;
  const keeps = [one.storage && t('privacy.storage', { n: count(one.storage) }), one.records && t('privacy.records', { n: count(one.records) }), one.saved && t('privacy.saved'), one.orders && t('privacy.orders', { n: count(one.orders) })].filter(Boolean);
  const wrong = h('div');
  const forget = btn(
    t('privacy.forget'),
    async () => {
      if (!(await confirm({ title: t('privacy.forget-q', { program: name }), detail: t('privacy.forget-d'), yes: t('privacy.forget-yes'), no: t('privacy.forget-no') }))) return;
      fill(wrong);
      try {
        await api.forgetIn(one.program);
        toast({ symbol: 'check', title: t('privacy.forgotten', { program: name }) });
        await changed();
      } catch (error) {
        fill(wrong, problemBox(asProblem(error)));
      }
    },
    { tone: 'quiet', symbol: 'trash' },
  );
  return h(
    'article',
    { class: 'privacy-program', 'aria-label': name },
    h('div', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { class: 'row-title', text: name, dir: 'auto' }), h('p', { class: 'row-note', text: keeps.length ? t('privacy.keeps', { what: keeps.join(t('privacy.and')) }) : t('privacy.keeps-none') })), one.known ? forget : null),
    wrong,
    one.consents.length ? h('ul', { class: 'rows' }, one.consents.map((consent) => consentRow(consent))) : null,
  );
}

function consentRow(one) {
  const wrong = h('div');
  const input = h('input', { type: 'checkbox', role: 'switch', checked: one.state === 'granted' });
  input.addEventListener('change', async () => {
    const wanted = input.checked;
    input.disabled = true;
    fill(wrong);
    try {
      await api.setConsent(one.program, one.scope, wanted);
    } catch (error) {
      input.checked = !wanted;
      fill(wrong, problemBox(asProblem(error)));
    } finally {
      input.disabled = false;
      input.focus();
    }
  });
  const reason = one.scope.startsWith('message.') ? '' : one.reason;
  const notes = [moment(one.at), one.other ? t('privacy.other') : '', one.state === 'granted' && one.left !== null ? t('privacy.left', { n: one.left }) : ''].filter(Boolean).join(' · ');
  return h('li', { class: 'row-item' }, h('label', { class: 'w-switch-row' }, h('span', { class: 'row-words' }, h('span', { class: 'row-title', text: scopeName(one.scope) }), reason ? h('span', { text: reason, dir: 'auto' }) : null, h('span', { class: 'row-note', text: notes })), input, h('span', { class: 'w-switch-track' })), wrong);
}

// Newest first, a page at a time.
function logList(page) {
  const list = h('ul', { class: 'rows privacy-log' });
  const more = h('div');
  const wrong = h('div');
  const add = ({ records, first }) => {
    list.append(...records.map(logRow));
    const oldest = records.at(-1)?.number;
    fill(more, oldest > first ? btn(t('privacy.older'), () => api.audit(oldest).then(add, (error) => fill(wrong, problemBox(asProblem(error))))) : null);
  };
  add(page);
  return [list, wrong, more];
}

function logRow(one) {
  const who = one.program ? named(one.name) || one.program : t('privacy.host');
  const about = one.about.map((what) => (one.act === 'identity.profile' || one.act === 'profile.changed' ? scopeName(`identity.${what}`) : scopeName(what))).join(t('privacy.and'));
  return h(
    'li',
    { class: 'row-item' },
    h('div', { class: 'row-words' }, h('p', { class: 'row-title', text: tOr(`act.${one.act}`, one.act) }), about ? h('p', { text: about, dir: 'auto' }) : null, one.purpose ? h('p', { text: t('privacy.purpose', { purpose: one.purpose }), dir: 'auto' }) : null, h('p', { class: 'row-note', text: `${who} · ${moment(one.at)}`, dir: 'auto' })),
    one.amount ? h('strong', { class: 'row-amount', text: money(one.amount, one.currency) }) : null,
  );
}
