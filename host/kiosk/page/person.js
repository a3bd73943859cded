// The person at the seat: who they are, what they have, and how they leave.

import { h, fill } from './dom.js';
import { t, named, money, moment, languageTag } from './i18n.js';
import { icon } from './icons.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, empty, skeleton, confirm, busy } from './ui.js';
import { signPicture } from './art.js';
import { showMe } from './me.js';
import { showPrivacy } from './privacy.js';
import { showBetween } from './between.js';
import { showCode } from './pay.js';
import { showCounter } from './staff.js';
import { person, setPerson } from './store.js';

/** Asks who is there. Gives true once somebody is; false if they would rather not say. */
export function askWho({ arriving = false } = {}) {
  if (person()) return Promise.resolve(true);
  return new Promise((resolve) => {
    let answered = false;
    const finish = (value) => {
      answered = true;
      it.close();
      resolve(value);
    };
    const it = dialog(
      { title: t(arriving ? 'who.arrive' : 'who.title'), className: 'who', cancel: () => !answered && finish(false) },
      whoIs({ lead: t(arriving ? 'who.arrive-d' : 'who.lead'), done: () => finish(true), focus: true }),
    );
  });
}

/** Two ways to become somebody: one tap, or code and PIN. */
export function whoIs({ lead, done, focus }) {
  const wrong = h('div');
  const visitor = h('button', { class: 'who-visitor', type: 'button', autofocus: focus }, h('span', { class: 'who-icon' }, icon('leaf')), h('span', { class: 'who-words' }, h('strong', { text: t('who.visitor') }), h('span', { text: t('who.visitor-d') })), icon('arrow'));
  visitor.addEventListener('click', async () => {
    if (visitor.classList.contains('busy')) return;
    busy(visitor, true);
    fill(wrong);
    try {
      setPerson(await api.visitor(languageTag()));
      done();
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
    } finally {
      busy(visitor, false);
    }
  });
  const known = h(
    'details',
    { class: 'who-known' },
    h('summary', {}, icon('key'), h('span', { text: t('who.sign-in') })),
    form({
      fields: [
        { name: 'code', label: t('who.code'), max: 32 },
        { name: 'pin', label: t('who.pin'), type: 'password', inputmode: 'numeric', max: 12 },
      ],
      label: t('who.enter'),
      submit: async ({ code, pin }) => {
        setPerson(await api.signIn(code.trim(), pin));
        done();
      },
    }),
  );
  return h('div', { class: 'who-ways' }, lead ? h('p', { class: 'dialog-lead', text: lead }) : null, visitor, known, wrong);
}

/** The card with name, balance and secret sign. */
export function personCard({ inbox, chats, leave }) {
  const who = person();
  if (!who) return null;
  const entry = (symbol, label, run, badge) => h('button', { class: 'card-entry', type: 'button', on: { click: run } }, icon(symbol), h('span', { text: label }), badge ? h('span', { class: 'count', text: badge, 'aria-label': t('bar.unread', { n: badge }) }) : null);
  return h(
    'section',
    { class: 'person-card', 'aria-label': t('bar.person') },
    h('div', { class: 'person-top' }, h('div', {}, h('p', { class: 'person-name' }, h('bdi', { text: who.name }), who.visitor ? h('span', { class: 'tag', text: t('me.visitor') }) : null), h('p', { class: 'person-balance-label', text: t('me.balance') }), h('p', { class: 'person-balance', text: money(who.balance, who.currency) })), signBox(who)),
    h('div', { class: 'card-entries' }, entry('inbox', t('me.inbox'), inbox, who.unread || 0), entry('chat', t('chat.title'), chats, who.chats || 0), entry('qr', t('me.pay'), () => showCode(showFailure)), who.roles?.length ? entry('shop', t('till.entry'), showCounter) : null, entry('receipt', t('me.receipts'), showReceipts), entry('shield', t('me.consents'), showPrivacy), entry('gift', t('between.entry'), () => showBetween(showFailure)), entry('leave', t(who.visitor ? 'me.leave' : 'me.sign-out'), leave)),
  );
}

function signBox(who) {
  if (!who.sign) return null;
  return h('button', { class: 'person-sign', type: 'button', title: t('me.sign-d'), on: { click: showMe } }, signPicture(who.sign.picture), h('span', { class: 'person-sign-words' }, h('span', { text: t('me.sign') }), h('strong', { text: named(who.sign.word) }), who.signChosen ? null : h('span', { class: 'person-sign-choose', text: t('me.sign-choose') })));
}

async function panel(title, load, draw, none) {
  const body = h('div', { class: 'panel-body' }, skeleton(4));
  const it = dialog({ title, className: 'panel' }, body);
  const run = async () => {
    try {
      const rows = await load();
      if (it.open) fill(body, rows.length ? draw(rows, it) : none());
    } catch (error) {
      if (it.open) fill(body, problemBox(asProblem(error), btn(t('retry'), run)));
    }
  };
  await run();
  return it;
}

/** Messages, newest first; opening one marks it read. */
export function showInbox(openPage) {
  return panel(
    t('me.inbox'),
    async () => (await api.inbox(0)).messages.sort((a, b) => b.sequence - a.sequence),
    (messages, it) => {
      const top = messages[0].sequence;
      if (messages.some((message) => !message.read)) api.markRead(top).then(() => person() && setPerson({ ...person(), unread: 0 })).catch(() => {});
      return h(
        'ul',
        { class: 'rows' },
        messages.map((message) =>
          h(
            'li',
            { class: ['row-item', !message.read && 'unread'] },
            h('div', { class: 'row-words' }, h('p', { class: 'row-title', dir: 'auto' }, message.title, message.read ? null : h('span', { class: 'tag accent', text: t('me.new') })), h('p', { text: message.text, dir: 'auto' }), h('p', { class: 'row-note', text: `${named(message.name) || message.program} · ${moment(message.at)}` })),
            // What the host itself says belongs to no program: those have no ":" in their ids.
            message.program && !message.program.includes(':')
              ? btn(t('me.open'), () => {
                  it.close();
                  openPage(message.program, message.page);
                }, { tone: 'quiet', busyWhile: false })
              : null,
          ),
        ),
      );
    },
    () => empty('inbox', t('me.inbox-none'), t('me.inbox-none-d')),
  );
}

function showFailure(error) {
  const it = dialog({ title: asProblem(error).title, className: 'small', alert: true, heading: false }, problemBox(asProblem(error)), h('div', { class: 'dialog-actions' }, btn(t('ok'), () => it.close(), { tone: 'primary', autofocus: true })));
}

function showReceipts() {
  return panel(
    t('me.receipts'),
    async () => (await api.receipts()).receipts.sort((a, b) => new Date(b.at) - new Date(a.at)),
    (receipts) => h('ul', { class: 'rows' }, receipts.map(receiptRow)),
    () => empty('receipt', t('me.receipts-none'), t('me.receipts-none-d')),
  );
}

function receiptRow(one) {
  const el = h('li', { class: 'row-item' }, h('div', { class: 'row-words' }, h('p', { class: 'row-title', text: named(one.payee), dir: 'auto' }), one.purpose ? h('p', { text: one.purpose, dir: 'auto' }) : null, h('p', { class: 'row-note', text: `${moment(one.at)} · ${t('me.receipt-no', { n: one.receipt })}` })), h('strong', { class: 'row-amount', text: money(one.amount, one.currency) }));
  if (one.held) el.append(heldNow(one.held));
  return el;
}

// What is still held of a payment, and what its payer may do about it.
function heldNow(held) {
  const box = h('div', { class: 'row-held' });
  const amount = money(held.amount, held.currency);
  const done = (state) => fill(box, h('p', { class: 'row-note', role: 'status', text: t(`held.${state}`, { amount }) }));
  const ask = async (action) => {
    if (action === 'dispute' || !person()?.hasPin) {
      if (await confirm({ title: t(`held.${action}-q`), detail: t(`held.${action}-d`, { amount }), yes: t(`held.${action}`), no: t('back'), tone: action === 'release' ? 'primary' : 'bad' })) await send(action, '').catch(showFailure);
      return;
    }
    const it = dialog(
      { title: t('held.release-q'), className: 'small' },
      h('p', { class: 'dialog-lead', text: t('held.release-d', { amount }) }),
      form({
        fields: [{ name: 'pin', label: t('sheet.pin'), type: 'password', inputmode: 'numeric', max: 12, autofocus: true }],
        label: t('held.release'),
        submit: async ({ pin }) => {
          await send(action, pin);
          it.close();
        },
      }),
    );
  };
  const send = async (action, pin) => {
    await api.heldPayment(held.payment, action, pin);
    done(action === 'release' ? 'released' : 'disputed');
  };
  fill(box, h('p', { class: 'row-note', text: t(held.disputed ? 'held.disputed' : 'held.now', { amount }) }), btn(t('held.release'), () => ask('release'), { tone: 'quiet', busyWhile: false }), held.disputed ? null : btn(t('held.dispute'), () => ask('dispute'), { tone: 'quiet', busyWhile: false }));
  return box;
}

/** Asks, then leaves. */
export async function leave(reset) {
  const who = person();
  const sure = await confirm({ title: t('me.leave-q'), detail: t(who?.visitor === false ? 'me.leave-person' : 'me.leave-visitor'), yes: t('me.leave-yes'), no: t('me.leave-no') });
  if (sure) await reset();
}
