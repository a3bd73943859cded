// Money from one person to another: a code that the other one shows, a red packet behind a link.

import { h, fill, token } from './dom.js';
import { t, money, moment } from './i18n.js';
import { api, asProblem } from './api.js';
import { icon } from './icons.js';
import { dialog, btn, form, problemBox, skeleton, toast } from './ui.js';
import { qrPicture } from './widgets/data.js';
import { agree } from './agree.js';
import { person, setPerson } from './store.js';

const lettersOf = (text) => text.trim().split('/').pop();
/** The address of a code that somebody shows to be given money. */
export const isReceiveCode = (text) => /^https?:\/\/[^/]+\/t\/[a-z0-9]{12}$/i.test(text.trim());
/** The address of a red packet. */
export const isPacketLink = (text) => /^https?:\/\/[^/]+\/r\/[a-z0-9]{26}$/i.test(text.trim());

const decimal = (text) => text.trim().replace(',', '.');

/** What can be done, as a choice. `failed` shows a problem. */
export function showBetween(failed) {
  const go = (run) => () => {
    it.close();
    run().catch(failed);
  };
  const way = (symbol, title, detail, run) => h('button', { class: 'choice between-way', type: 'button', on: { click: go(run) } }, icon(symbol), h('span', { class: 'row-words' }, h('strong', { text: t(title) }), h('span', { class: 'row-note', text: t(detail) })));
  const it = dialog({ title: t('between.title'), className: 'small' }, h('div', { class: 'choices' }, way('qr', 'between.receive', 'between.receive-d', showReceive), way('wallet', 'between.give', 'between.give-d', giveTo), way('gift', 'between.packet', 'between.packet-d', sendPacket)));
}

/** The person's own code, to be given money with. */
export async function showReceive() {
  const body = h('div', { class: 'pay-code' }, skeleton(3));
  const end = () => {
    clearInterval(timer);
    api.receiveEnd().catch(() => {});
    it.close();
  };
  let timer;
  const it = dialog({ title: t('between.receive'), className: 'small', cancel: end }, body, h('div', { class: 'dialog-actions' }, btn(t('chat.done'), end, { tone: 'primary', busyWhile: false })));
  const show = async () => {
    clearInterval(timer);
    try {
      const code = await api.receive();
      if (!it.open) return api.receiveEnd().catch(() => {});
      const letters = code.code.match(/.{1,4}/g).join(' ');
      const over = performance.now() + code.inMs;
      timer = setInterval(() => performance.now() > over && show(), 5000);
      fill(body, h('div', { class: 'pay-code-picture' }, qrPicture(code.address, t('between.receive-label', { code: letters }))), h('p', { class: 'pay-code-digits', dir: 'ltr', text: letters }), h('p', { class: 'dialog-lead', text: t('between.receive-lead') }));
    } catch (error) {
      fill(body, problemBox(asProblem(error), btn(t('retry'), show)));
    }
  };
  await show();
}

const noteField = (id) => h('div', { class: 'field' }, h('label', { class: 'field-label', for: id, text: t('gift.note') }), h('input', { class: 'input', id, maxlength: '60', autocomplete: 'off', dir: 'auto' }));

function ask(title, fields, make) {
  return new Promise((resolve) => {
    const id = `between-${token()}`;
    const finish = (value) => {
      it.close();
      resolve(value);
    };
    const currency = person()?.currency ?? 'CNY';
    const amount = { name: 'amount', label: t('pay.amount', { currency }), hint: t('pay.amount-hint'), inputmode: 'decimal', max: 13 };
    const all = [...fields, amount];
    all[0].autofocus = true;
    const it = dialog(
      { title, className: 'small', cancel: () => finish(null) },
      form({ fields: all, label: t('gift.next'), extra: noteField(id), submit: async (values) => finish(await make({ ...values, amount: decimal(values.amount), note: it.el.querySelector(`#${id}`).value.trim() })) }),
    );
  });
}

// The sheet is asked for while the form still stands, so that what is wrong is said there.
async function give(asked, send, done) {
  if (!asked) return null;
  const key = token();
  const given = await agree(asked.sheet, (answer) => send({ ...answer, gift: asked.gift }, key));
  if (!given) return null;
  if (person()) setPerson({ ...person(), balance: given.balance });
  done(asked.sheet, given);
  return given;
}

const sent = (sheet) => toast({ symbol: 'check', title: t('gift.done', { amount: money(sheet.amount, sheet.currency) }), detail: sheet.payee, tone: 'good' });

/** Gives to whoever shows that code; without one it is asked for. */
export async function giveTo(code) {
  const fields = code ? [] : [{ name: 'to', label: t('between.to'), hint: t('between.to-hint'), max: 200 }];
  const asked = await ask(t('between.give'), fields, async ({ to, amount, note }) => {
    const gift = { to: lettersOf(code ?? to).replace(/\s/g, ''), amount, note };
    return { gift, sheet: await api.transferSheet(gift) };
  });
  return give(asked, api.transfer, sent);
}

/** A red packet for whoever is shown its code. */
export async function sendPacket() {
  const asked = await ask(t('between.packet'), [{ name: 'shares', label: t('gift.shares'), inputmode: 'numeric', max: 3 }], async ({ shares, amount, note }) => {
    const gift = { amount, shares: Number(shares) || 0, random: true, note };
    return { gift, sheet: await api.packetSheet(gift) };
  });
  return give(asked, api.packet, (sheet, { address }) => {
    sent(sheet);
    const it = dialog({ title: t('between.packet'), className: 'small' }, h('div', { class: 'pay-code' }, h('div', { class: 'pay-code-picture' }, qrPicture(address, t('between.packet-label'))), h('p', { class: 'dialog-lead', text: t('between.packet-lead') })), h('div', { class: 'dialog-actions' }, btn(t('chat.done'), () => it.close(), { tone: 'primary' })));
  });
}

/** A red packet that somebody shows. */
export async function openPacket(link) {
  const id = lettersOf(link);
  const wrong = h('div');
  const body = h('div', { class: 'between-packet' });
  let packet = await api.packetSeen(id);
  const it = dialog({ title: t('chat.packet'), className: 'small' }, body, wrong, h('div', { class: 'dialog-actions' }, btn(t('ok'), () => it.close())));
  const claim = async () => {
    fill(wrong);
    try {
      const { balance } = await api.packetClaim(id);
      if (person()) setPerson({ ...person(), balance });
      packet = await api.packetSeen(id);
      draw();
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
    }
  };
  const draw = () =>
    fill(
      body,
      h('span', { class: 'between-packet-icon' }, icon('gift')),
      h('p', { class: 'dialog-lead', dir: 'auto', text: packet.by ? t('between.from', { who: packet.by }) : t('chat.gone') }),
      packet.note ? h('p', { dir: 'auto', text: packet.note }) : null,
      packet.share ? h('p', { class: 'sheet-amount', text: money(packet.share, packet.currency) }) : null,
      h('p', { class: 'row-note', text: [packet.shares ? t('chat.packet-taken', { n: packet.claimed, of: packet.shares }) : null, packet.open ? t('between.until', { until: moment(packet.until) }) : null].filter(Boolean).join(' · ') }),
      packet.open ? btn(t('chat.packet-open'), claim, { tone: 'primary', wide: true, autofocus: true }) : packet.share ? null : h('p', { class: 'row-note', text: t(packet.own ? 'between.own' : 'between.over') }),
    );
  draw();
}
