// A merchant's staff at their own seat: collect with the code that a customer shows, see what was paid, give it back.

import { h, fill, token } from './dom.js';
import { t, tOr, named, money, moment, digits } from './i18n.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, empty, confirm, toast, skeleton } from './ui.js';
import { Scanner } from './scanner.js';

const EVERY_MS = 2000;
const decimal = (text) => text.trim().replace(',', '.');

/** The counter of the person at the seat. */
export async function showCounter() {
  const body = h('div', { class: 'panel-body' }, skeleton(4));
  const it = dialog({ title: t('till.title'), className: 'panel' }, body);
  try {
    const { merchants, currency } = await api.counters();
    if (!it.open) return;
    if (!merchants.length) return fill(body, empty('shop', t('till.none'), t('till.none-d')));
    counter(it, body, merchants, currency);
  } catch (error) {
    if (it.open) fill(body, problemBox(asProblem(error)));
  }
}

function counter(it, body, merchants, currency) {
  let merchant = merchants[0];
  const said = h('div', { class: 'till-said', role: 'status' });
  const list = h('div', {}, skeleton(3));
  const choose = h('select', { class: 'input', id: 'till-merchant', on: { change: () => ((merchant = merchants[choose.selectedIndex]), fill(said), refresh()) } }, merchants.map((one) => h('option', { text: named(one.name) || one.merchant })));
  // The same key until it is done: a second try after a lost answer collects nothing twice.
  let key = token();
  let asked = '';
  const scan = btn(t('till.scan'), () => scanCode((code) => ((codeInput().value = code), collect.querySelector('[type=submit]').focus())), { symbol: 'qr', busyWhile: false, wide: true });
  const collect = form({
    fields: [
      { name: 'amount', label: t('pay.amount', { currency }), inputmode: 'decimal', placeholder: (36).toFixed(digits(currency)), max: 13, autofocus: true },
      { name: 'code', label: t('till.code'), hint: t('till.code-hint'), inputmode: 'numeric', max: 32 },
    ],
    label: t('till.collect'),
    submit: async ({ amount, code }) => {
      fill(said);
      const content = [merchant.publisher, merchant.merchant, decimal(amount), code.replace(/\D/g, '')].join('/');
      if (asked && asked !== content) key = token();
      asked = content;
      const done = await api.collect({ publisher: merchant.publisher, merchant: merchant.merchant, amount: decimal(amount), code: code.trim() }, key);
      key = token();
      asked = '';
      collect.reset();
      if (done.state === 'succeeded') toast({ symbol: 'check', title: t('till.got', { amount: money(decimal(amount), currency) }), tone: 'good' });
      else fill(said, h('p', { class: 'dialog-lead', text: t('till.asked', { amount: money(decimal(amount), currency) }) }));
      await refresh();
    },
  });
  const codeInput = () => collect.querySelectorAll('input')[1];
  collect.querySelectorAll('.field')[1].after(scan);
  fill(
    body,
    merchants.length > 1 ? h('div', { class: 'field' }, h('label', { class: 'field-label', for: 'till-merchant', text: t('till.merchant') }), h('div', { class: 'is-select' }, choose)) : h('p', { class: 'dialog-lead', dir: 'auto', text: named(merchant.name) || merchant.merchant }),
    collect,
    said,
    h('section', { class: 'privacy-section' }, h('h3', { class: 'privacy-title', text: t('till.recent') }), list),
  );
  collect.querySelector('input').focus();
  let shown = '';
  let timer;
  // By itself it leaves alone what somebody is at; what they did is shown at once.
  const refresh = async (acted = false) => {
    clearTimeout(timer);
    try {
      const { payments } = await api.counterPayments(merchant);
      if (!it.open) return;
      const fresh = JSON.stringify([merchant, payments]);
      const held = list.contains(document.activeElement);
      if (fresh !== shown && (acted || !held)) {
        shown = fresh;
        fill(list, payments.length ? h('ul', { class: 'rows' }, payments.map((one) => row(merchant, one, () => refresh(true)))) : h('p', { class: 'row-note', text: t('till.recent-none') }));
        if (held) collect.querySelector('input').focus();
        if (said.childElementCount && payments[0]?.state !== 'requires_payment_method') fill(said);
      }
    } catch (error) {
      if (it.open && !shown) fill(list, problemBox(asProblem(error)));
    }
    if (it.open) timer = setTimeout(() => refresh(), EVERY_MS);
  };
  refresh();
}

// What staff may do with a payment as it stands.
function actions(one) {
  const left = Math.round((Number(one.captured) - Number(one.refunded)) * 1000) / 1000;
  if (one.state === 'requires_payment_method') return ['cancel'];
  if (one.state === 'requires_capture') return one.mode === 'deposit' ? ['capture', 'cancel'] : one.mode === 'escrow' && !one.shipped ? ['ship', 'cancel'] : ['cancel'];
  return left > 0 ? ['refund'] : [];
}

function row(merchant, one, changed) {
  const refunded = Number(one.refunded) > 0 ? t('till.refunded', { amount: money(one.refunded, one.currency) }) : '';
  const notes = [tOr(`till.state.${one.state}`, one.state), refunded, moment(one.created_at)].filter(Boolean).join(' · ');
  return h(
    'li',
    { class: 'row-item' },
    h('div', { class: 'row-words' }, h('p', { class: 'row-title', dir: 'auto', text: one.description }), h('p', { class: 'row-note', text: notes })),
    h('strong', { class: 'row-amount', text: money(one.amount, one.currency) }),
    actions(one).map((action) => btn(t(`till.${action}`), () => act(merchant, one, action, changed), { tone: 'quiet', busyWhile: false, 'aria-label': `${t(`till.${action}`)}: ${one.description}` })),
  );
}

async function act(merchant, one, action, changed) {
  const key = token();
  const send = async (amount) => {
    const body = { publisher: merchant.publisher, merchant: merchant.merchant, action };
    await api.counterAct(one.id, amount ? { ...body, amount } : body, key);
    toast({ symbol: 'check', title: t(`till.${action}-done`), tone: 'good' });
    document.activeElement?.blur();
    changed();
  };
  const failed = (error) => toast({ symbol: 'alert', title: asProblem(error).title, detail: asProblem(error).remedy, tone: 'bad' });
  if (action === 'ship' || action === 'cancel') {
    if (await confirm({ title: t(`till.${action}-q`), detail: t(`till.${action}-d`, { amount: money(one.amount, one.currency) }), yes: t(`till.${action}`), no: t('back'), tone: action === 'ship' ? 'primary' : 'bad' })) await send().catch(failed);
    return;
  }
  const most = action === 'refund' ? Number(one.captured) - Number(one.refunded) : Number(one.held);
  const it = dialog(
    { title: `${t(`till.${action}`)} · ${one.description}`, className: 'small' },
    form({
      fields: [{ name: 'amount', label: t('pay.amount', { currency: one.currency }), hint: t(`till.${action}-hint`, { amount: money(most, one.currency) }), inputmode: 'decimal', max: 13, autofocus: true }],
      label: t(`till.${action}`),
      submit: async ({ amount }) => {
        await send(decimal(amount));
        it.close();
      },
    }),
  );
}

function scanCode(found) {
  const scanner = new Scanner({
    onCode: async (text) => {
      found(text.trim());
      it.close();
    },
  });
  const it = dialog({ title: t('till.scan'), className: 'camera-check' }, scanner.el);
  it.closed.then(() => scanner.end());
}
