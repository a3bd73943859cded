// The operator's panel of merchants: keys of their servers, and what became of the notifications to them.

import { h, fill } from './dom.js';
import { t, tOr, named, money, moment } from './i18n.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, empty, confirm, toast, skeleton } from './ui.js';

const nameOf = (one) => named(one.name) || one.merchant || one.publisher;
const toldOf = (error) => toast({ symbol: 'alert', title: asProblem(error).title, detail: asProblem(error).remedy, tone: 'bad' });

/** Every merchant with its keys. */
export async function showMerchants() {
  const body = h('div', { class: 'panel-body' }, skeleton(4));
  const it = dialog({ title: t('op.merchants'), className: 'panel' }, body);
  const draw = async () => {
    try {
      const { merchants } = await api.merchants();
      if (it.open) fill(body, merchants.length ? merchants.map((one) => merchantPart(one, draw)) : empty('shop', t('op.merchants-none')));
    } catch (error) {
      if (it.open) fill(body, problemBox(asProblem(error), btn(t('retry'), draw)));
    }
  };
  await draw();
}

function merchantPart(one, changed) {
  const good = one.keys.filter((key) => !key.revoked_at);
  const revoked = one.keys.filter((key) => key.revoked_at);
  return h(
    'section',
    { class: 'privacy-section', 'aria-label': nameOf(one) },
    h('h3', { class: 'privacy-title', dir: 'auto', text: nameOf(one) }),
    h('p', { class: 'row-note', dir: 'ltr', text: [one.merchant, one.publisher].filter(Boolean).join(' · ') }),
    h('p', { class: 'row-note', text: t('op.holds', { amount: money(one.holds, one.currency) }) }),
    h('ul', { class: 'rows' }, good.map((key) => keyRow(one, key, changed)), revoked.map((key) => keyRow(one, key, changed))),
    good.length ? null : h('p', { class: 'row-note', text: t('op.keys-none') }),
    h('div', { class: 'op-actions' }, btn(t('op.key-make'), () => makeKey(one, changed), { symbol: 'key', busyWhile: false, 'aria-label': `${t('op.key-make')}: ${nameOf(one)}` }), btn(t('op.deliveries'), () => showDeliveries(one), { symbol: 'send', busyWhile: false, 'aria-label': `${t('op.deliveries')}: ${nameOf(one)}` })),
  );
}

function keyRow(one, key, changed) {
  const revoke = async () => {
    if (!(await confirm({ title: t('op.key-revoke-q', { name: key.name }), detail: t('op.key-revoke-d'), yes: t('op.key-revoke'), no: t('back') }))) return;
    await api.merchantKeys({ publisher: one.publisher, merchant: one.merchant, revoke: key.id }).then(changed, toldOf);
  };
  const note = key.revoked_at ? t('op.key-revoked', { at: moment(key.revoked_at) }) : t('op.key-made', { at: moment(key.made_at) });
  return h('li', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { class: 'row-title', dir: 'auto', text: key.name }), h('p', { class: 'row-note', text: note }), h('p', { class: 'row-note', dir: 'ltr', text: `ymk_${key.id}…` })), key.revoked_at ? null : btn(t('op.key-revoke'), revoke, { tone: 'quiet', busyWhile: false, 'aria-label': `${t('op.key-revoke')}: ${key.name}` }));
}

// The secret is kept nowhere: it is on the screen once, until somebody says that they have it.
function makeKey(one, changed) {
  const body = h('div');
  const it = dialog({ title: t('op.key-make'), className: 'small' }, body);
  it.closed.then(changed);
  fill(
    body,
    form({
      fields: [{ name: 'name', label: t('op.key-name'), hint: t('op.key-name-hint'), max: 64, autofocus: true }],
      label: t('op.key-make'),
      submit: async ({ name }) => {
        const { token } = await api.merchantKeys({ publisher: one.publisher, merchant: one.merchant, name: name.trim() });
        const shown = h('textarea', { class: 'input op-secret', readonly: true, rows: '3', dir: 'ltr', spellcheck: 'false', 'aria-label': t('op.key-secret') });
        shown.value = token;
        const copy = async () => {
          shown.select();
          const copied = await (navigator.clipboard?.writeText(token).then(() => true, () => false) ?? false);
          if (copied) toast({ symbol: 'check', title: t('op.key-copied'), tone: 'good' });
        };
        fill(body, h('p', { class: 'dialog-lead', text: t('op.key-once') }), shown, h('div', { class: 'dialog-actions' }, btn(t('op.key-copy'), copy, { busyWhile: false }), btn(t('op.key-have'), () => it.close(), { tone: 'primary' })));
        shown.focus();
        shown.select();
      },
    }),
  );
  body.querySelector('input')?.focus();
}

async function showDeliveries(one) {
  const list = h('ul', { class: 'rows' });
  const more = h('div');
  const body = h('div', { class: 'panel-body' }, skeleton(4));
  const it = dialog({ title: `${t('op.deliveries')} · ${nameOf(one)}`, className: 'panel' }, body);
  const add = async (before) => {
    try {
      const page = await api.deliveries(one, before);
      if (!it.open) return;
      list.append(...page.events.map((event) => deliveryRow(one, event)));
      fill(more, page.more ? btn(t('privacy.older'), () => add(page.events.at(-1).id)) : null);
      fill(body, list.childElementCount ? [list, more] : empty('send', t('op.deliveries-none'), t('op.deliveries-none-d')));
    } catch (error) {
      if (it.open) fill(before ? more : body, problemBox(asProblem(error), btn(t('retry'), () => add(before))));
    }
  };
  await add();
}

function deliveryRow(one, event) {
  const last = event.attempts.at(-1);
  const outcome = last ? (last.status ? t('op.delivery-status', { n: last.status }) : tOr(`op.delivery-error.${last.error}`, last.error)) : '';
  const next = event.next_attempt_at ? t('op.delivery-next', { at: moment(event.next_attempt_at) }) : '';
  const notes = [moment(event.created_at), t('op.delivery-attempts', { n: event.attempts.length }), outcome, next].filter(Boolean).join(' · ');
  const el = h('li', { class: 'row-item' });
  const retry = () => api.retryDelivery({ publisher: one.publisher, merchant: one.merchant, id: event.id }).then((fresh) => (el.replaceWith(deliveryRow(one, fresh)), toast({ symbol: 'check', title: t('op.delivery-again'), tone: 'good' })), toldOf);
  const state = h('span', { class: ['tag', event.delivery === 'delivered' && 'accent'], text: t(`op.delivery.${event.delivery}`) });
  return fill(
    el,
    h('div', { class: 'row-words' }, h('p', { class: 'row-title' }, h('span', { text: tOr(`op.event.${event.type}`, event.type) }), state), h('p', { class: 'row-note', text: notes }), h('p', { class: 'row-note', dir: 'ltr', text: `${event.id} · ${event.intent}` })),
    btn(t('op.delivery-retry'), retry, { tone: 'quiet', 'aria-label': `${t('op.delivery-retry')}: ${event.id}` }),
  );
}
