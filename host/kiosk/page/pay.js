// Payments that no program asks for: a merchant's code that the person scans, a pay link, and the code that the person shows.

import { h, fill } from './dom.js';
import { t, money } from './i18n.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, empty, toast } from './ui.js';
import { qrPicture } from './widgets/data.js';
import { Sheets } from './sheet.js';
import { person, setPerson } from './store.js';

/** Whether a text is a merchant's payment code after EMVCo: the host reads it. */
export const isPaymentCode = (text) => text.trim().startsWith('000201');

const refresh = () => api.person().then((who) => person() && setPerson(who)).catch(() => {});

// What the person can put right on the sheet; anything else ends it.
const STAYS = new Set(['denied', 'limit', 'too-soon', 'unreachable']);

/** Asks on the host's own sheet, from stored values. Gives what came of it, null for no. */
export async function payFor(id) {
  const sheet = await api.payment(id);
  return new Promise((resolve, reject) => {
    const sheets = new Sheets({ shown: true, socket: { send: (frame) => answer(frame) } });
    const answer = async ({ accepted, pin, spending }) => {
      if (!accepted) return resolve(null);
      try {
        const paid = await api.confirmPayment(id, { sheet: sheet.id, amount: sheet.amount, currency: sheet.currency, pin, spending });
        sheets.gone(sheet.id);
        refresh();
        toast({ symbol: 'check', title: t('pay.done', { amount: money(sheet.amount, sheet.currency) }), detail: t('pay.done-d', { payee: sheet.payee }), tone: 'good' });
        resolve(paid);
      } catch (error) {
        const problem = asProblem(error);
        // What a tap was enough for needs the PIN now.
        if (problem.code === 'pin-required') return sheets.open({ ...sheet, pin: true }, { code: problem.code, fields: problem.fields, detail: problem.more });
        if (STAYS.has(problem.code)) return sheets.open(sheet, { code: problem.code, fields: problem.fields, detail: problem.more });
        sheets.gone(sheet.id);
        reject(problem);
      }
    };
    sheets.open(sheet);
  });
}

/** A merchant's code: how much, where it does not say, and then the sheet. */
export async function payCode(code) {
  const scanned = await api.scanPayment(code);
  const payment = scanned.payment ?? (await askAmount(code, scanned));
  return payment ? payFor(payment) : null;
}

function askAmount(code, { payee, currency }) {
  return new Promise((resolve) => {
    const finish = (payment) => {
      it.close();
      resolve(payment);
    };
    const it = dialog(
      { title: t('pay.how-much', { payee }), className: 'small', cancel: () => finish(null) },
      form({
        fields: [{ name: 'amount', label: t('pay.amount', { currency }), hint: t('pay.amount-hint'), inputmode: 'decimal', max: 13, autofocus: true }],
        label: t('pay.go'),
        submit: async ({ amount }) => finish((await api.scanPayment(code, amount.trim().replace(',', '.'))).payment),
      }),
    );
  });
}

/** The person's own code: after their PIN, for a minute, good once. `failed` shows a problem. */
export function showCode(failed) {
  const body = h('div', { class: 'pay-code' });
  let timer;
  let waits = false;
  const end = () => {
    clearInterval(timer);
    if (waits) api.withdraw().catch(() => {});
    waits = false;
    it.close();
  };
  const it = dialog({ title: t('code.title'), className: 'small', cancel: end }, body);
  const again = (title, detail) => {
    clearInterval(timer);
    waits = false;
    fill(body, empty('qr', title, detail), btn(t('code.again'), ask, { tone: 'primary', wide: true, busyWhile: false, autofocus: true }));
  };
  const show = async (pin) => {
    const code = await api.present(pin);
    if (!it.open) return api.withdraw().catch(() => {});
    waits = true;
    const over = performance.now() + code.inMs;
    const digits = code.digits.match(/\d{1,6}/g).join(' ');
    const left = h('p', { class: 'row-note', 'aria-hidden': 'true' });
    const tick = () => (left.textContent = t('code.left', { n: Math.max(0, Math.ceil((over - performance.now()) / 1000)) }));
    tick();
    fill(
      body,
      h('div', { class: 'pay-code-picture' }, qrPicture(code.digits, t('code.label', { digits }))),
      h('p', { class: 'pay-code-digits', dir: 'ltr', text: digits }),
      left,
      h('p', { class: 'dialog-lead', text: t('code.lead', { amount: money(code.atOnce, code.currency) }) }),
    );
    let asking = false;
    clearInterval(timer);
    timer = setInterval(async () => {
      tick();
      if (asking) return;
      asking = true;
      const now = await api.presented().catch(() => null);
      asking = false;
      if (!it.open || !waits || !now || now.state === 'waits') return;
      if (now.state === 'over') return again(t('code.over'), t('code.over-d'));
      if (now.state === 'failed') return again(t('code.failed'), t('code.failed-d'));
      waits = false;
      end();
      if (now.state === 'asks') return payFor(now.payment).catch(failed);
      refresh();
      toast({ symbol: 'check', title: t('act.payment.succeeded'), detail: t('code.title'), tone: 'good' });
    }, 1000);
  };
  const ask = () => {
    if (!person()?.hasPin) return show('').catch((error) => fill(body, problemBox(asProblem(error), btn(t('retry'), ask, { busyWhile: false }))));
    fill(
      body,
      form({
        fields: [{ name: 'pin', label: t('sheet.pin'), type: 'password', inputmode: 'numeric', max: 12, autofocus: true }],
        label: t('code.show'),
        submit: ({ pin }) => show(pin),
      }),
    );
    body.querySelector('input')?.focus();
  };
  ask();
}
