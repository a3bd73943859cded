// Money into a conversation: how much and for whom, and then the host's own sheet.

import { h, fill, token } from './dom.js';
import { t, money } from './i18n.js';
import { api } from './api.js';
import { dialog, btn, form, toast } from './ui.js';
import { agree } from './agree.js';
import { person, setPerson } from './store.js';

/** Gives true once it was given, false for no. */
export async function giveMoney(id, { members, group }) {
  const gift = await choose({ members, group });
  if (!gift) return false;
  return askFor(id, gift);
}

function choose({ members, group }) {
  const others = members.filter((member) => !member.me);
  return new Promise((resolve) => {
    const finish = (gift) => {
      it.close();
      resolve(gift);
    };
    const currency = person()?.currency ?? 'CNY';
    const amount = { name: 'amount', label: t('pay.amount', { currency }), hint: t('pay.amount-hint'), inputmode: 'decimal', max: 13, autofocus: true };
    const place = h('div');
    const decimal = (text) => text.trim().replace(',', '.');
    const note = (kind) => h('div', { class: 'field' }, h('label', { class: 'field-label', for: `gift-note-${kind}`, text: t('gift.note') }), h('input', { class: 'input', id: `gift-note-${kind}`, maxlength: '60', autocomplete: 'off', dir: 'auto' }));
    const noteOf = (kind) => it.el.querySelector(`#gift-note-${kind}`)?.value.trim() ?? '';
    const transfer = (to) => fill(place, form({ fields: [amount], label: t('gift.next'), extra: note('transfer'), submit: async ({ amount: text }) => finish({ kind: 'transfer', to: to.member, amount: decimal(text), note: noteOf('transfer') }) }));
    const packet = () =>
      fill(place, form({ fields: [amount, { name: 'shares', label: t('gift.shares'), inputmode: 'numeric', max: 3 }], label: t('gift.next'), extra: note('packet'), submit: async ({ amount: text, shares }) => finish({ kind: 'packet', amount: decimal(text), shares: Number(shares) || 0, random: group === true, note: noteOf('packet') }) }));
    const it = dialog(
      { title: t('chat.send-money'), className: 'small', cancel: () => finish(null) },
      others.length ? null : h('p', { class: 'dialog-lead', text: t('chat.alone-d') }),
      h('div', { class: 'chat-ways' }, others.slice(0, 20).map((other) => btn(t('gift.to', { who: other.name }), () => transfer(other), { symbol: 'wallet', busyWhile: false })), others.length ? btn(t('chat.packet'), packet, { symbol: 'gift', busyWhile: false }) : null),
      place,
    );
  });
}

async function askFor(id, gift) {
  const sheet = await api.chatSheet(id, gift);
  const clientId = token();
  const given = await agree(sheet, (answer) => api.chatGive(id, { clientId, gift, ...answer }));
  if (!given) return false;
  if (person()) setPerson({ ...person(), balance: given.balance });
  toast({ symbol: 'check', title: t('gift.done', { amount: money(sheet.amount, sheet.currency) }), tone: 'good' });
  return true;
}
