// What a person decides, drawn by the host from stored values: from the host's edge, above the program, with the secret sign.

import { h, fill, uid } from './dom.js';
import { t, named, money, moment, tOr, language } from './i18n.js';
import { icon } from './icons.js';
import { mark, signPicture } from './art.js';
import { dialog, btn, problemBox, busy } from './ui.js';
import { Problem } from './api.js';
import { person } from './store.js';
import { languageSwitch } from './language.js';
import { chatTitle } from './chat-words.js';

// The host ignores what comes within 500 ms; the page waits a little longer, and shows it.
const ARM_MS = 650;

/** The sheets of one session, one at a time. */
export class Sheets {
  constructor(session) {
    this.session = session;
    this.queue = [];
    this.now = null;
  }

  open(sheet, problem) {
    if (this.now?.sheet.id === sheet.id && this.now.language !== language()) return this.translate(sheet);
    if (this.now?.sheet.id === sheet.id && Boolean(this.now.sheet.pin) !== Boolean(sheet.pin)) return this.asks(sheet, problem);
    if (this.now?.sheet.id === sheet.id) return this.again(problem);
    const at = this.queue.findIndex((other) => other.id === sheet.id);
    if (at >= 0) this.queue[at] = sheet;
    else this.queue.push(sheet);
    this.next();
  }

  shown(shown) {
    if (shown) return this.next();
    if (!this.now) return;
    this.queue.unshift(this.now.sheet);
    this.drop();
  }

  next() {
    if (this.now || !this.queue.length || !this.session.shown) return;
    this.draw(this.queue.shift());
  }

  gone(id) {
    this.queue = this.queue.filter((sheet) => sheet.id !== id);
    if (this.now?.sheet.id === id) this.drop().then(() => this.next());
  }

  async drop() {
    const { now } = this;
    this.now = null;
    clearTimeout(now?.timer);
    await now?.dialog.close();
    // What was tapped may wait for an answer, and takes no focus meanwhile; a payment without a program has nothing behind it.
    if (now && !this.now) this.session.keepFocus?.();
  }

  clear() {
    this.queue = [];
    this.drop();
  }

  // The same sheet in another language: what was typed and chosen stays.
  translate(sheet) {
    const { now } = this;
    const inputs = (it) => [...it.dialog.el.querySelectorAll('input')];
    const old = inputs(now);
    this.now = null;
    clearTimeout(now.timer);
    this.draw(sheet, true);
    now.dialog.close(true);
    inputs(this.now).forEach((input, index) => {
      if (input.type === 'checkbox' || input.type === 'radio') input.checked = old[index]?.checked ?? true;
      else input.value = old[index]?.value ?? '';
    });
    this.now.dialog.el.querySelector(`[data-language=${language()}]`)?.focus();
  }

  // What a tap was enough for needs the PIN now: the same sheet with a field for it, and why.
  asks(sheet, problem) {
    const { now } = this;
    this.now = null;
    clearTimeout(now.timer);
    this.draw(sheet, true);
    now.dialog.close(true);
    fill(this.now.problem, problem ? problemBox(new Problem(problem, { where: sheet.kind })) : null);
    this.now.pin?.focus();
  }

  // An answer was not taken, such as a wrong PIN: the sheet stays.
  again(problem) {
    const { now } = this;
    busy(now.yes, false);
    now.answered = false;
    now.arm();
    fill(now.problem, problem ? problemBox(new Problem(problem, { where: now.sheet.kind })) : null);
    if (now.pin) {
      now.pin.value = '';
      now.pin.focus();
    }
  }

  draw(sheet, still = false) {
    const parts = (KINDS[sheet.kind] ?? unknown)(sheet);
    const problem = h('div', { class: 'sheet-problem', 'aria-live': 'assertive' });
    const no = btn(parts.no, () => answer(false), { busyWhile: false, class: 'btn tone-plain sheet-no', 'aria-disabled': 'true' });
    const yes = btn(parts.yes, () => answer(true), { tone: 'primary', busyWhile: false, class: 'btn tone-primary sheet-yes arming', 'aria-disabled': 'true' });
    const hint = h('p', { class: 'sheet-arming', id: uid(), text: t('sheet.arming') });
    yes.setAttribute('aria-describedby', hint.id);
    yes.prepend(h('span', { class: 'arm-fill', 'aria-hidden': 'true' }));
    let at = Infinity;
    const answer = (accepted) => {
      const { now } = this;
      if (!now || now.answered) return;
      // A tap that was meant for the program refuses nothing either: a refusal is remembered.
      if (!(performance.now() - at >= ARM_MS) || (accepted && yes.getAttribute('aria-disabled') === 'true')) return;
      if (accepted && now.pin && !/^\d{4,12}$/.test(now.pin.value)) return now.pin.focus();
      now.answered = true;
      this.session.socket.send({ t: 'answer', id: sheet.id, accepted, chosen: accepted ? parts.chosen() : [], values: accepted ? parts.values?.() : undefined, pin: now.pin?.value ?? '', spending: accepted ? (parts.spending?.() ?? '') : '', afterMs: Math.round(performance.now() - at) });
      // A refusal needs no confirmation; a payment is under way until the host says that the sheet is gone.
      if (!accepted) this.drop().then(() => this.next());
      else {
        busy(yes, true);
        now.timer = setTimeout(() => {
          if (this.now === now) {
            now.answered = false;
            busy(yes, false);
          }
        }, 8000);
      }
    };
    const who = person();
    let forget;
    const it = dialog(
      { title: parts.title, onStage: true, className: `sheet sheet-${sheet.kind}`, cancel: () => answer(false), heading: false, alert: true, still },
      h(
        'div',
        { class: 'sheet-edge' },
        h('span', { class: 'sheet-mark' }, mark()),
        h('p', { class: 'sheet-from' }, t('sheet.from'), h('span', { class: 'sheet-from-not', text: t('sheet.from-not') })),
        languageSwitch('sheet-language', (end) => (forget = end)),
        who?.sign ? h('div', { class: 'sheet-sign' }, signPicture(who.sign.picture), h('div', {}, h('span', { class: 'sheet-sign-label', text: t('sheet.yours') }), h('strong', { text: named(who.sign.word) }))) : null,
      ),
      h('div', { class: 'sheet-body', tabindex: '0' }, parts.content, problem),
      h('div', { class: 'sheet-foot' }, h('div', { class: 'dialog-actions even' }, no, yes), hint),
    );
    it.closed.then(forget);
    const pin = it.el.querySelector('input[data-pin]');
    // The host counts from when it sent the sheet, and again when it sent it back.
    const arm = () => {
      at = performance.now();
      for (const either of [yes, no]) either.setAttribute('aria-disabled', 'true');
      setTimeout(() => {
        hint.classList.add('done');
        hint.textContent = '';
        no.removeAttribute('aria-disabled');
        yes.classList.remove('arming');
        if (parts.ready !== false) yes.removeAttribute('aria-disabled');
      }, ARM_MS);
    };
    this.now = { sheet, dialog: it, yes, problem, pin, arm, language: language(), answered: false };
    it.el.querySelector('.sheet-body').focus({ preventScroll: true });
    pin?.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') answer(true);
    });
    requestAnimationFrame(() => requestAnimationFrame(() => {
      yes.classList.add('armed');
      arm();
    }));
  }
}

function asked(className, rows) {
  return h('div', { class: `sheet-scopes ${className}` }, rows);
}

const FIELDS = new Set(['nickname', 'avatar', 'phone', 'address', 'region'].map((name) => `identity.${name}`));

// A value of the person's own may be replaced by another one, or by none.
function valueField(scope, title, gives) {
  const id = uid();
  return h('div', { class: 'field sheet-value' }, h('label', { class: 'field-label', for: id, text: t('sheet.gives-as', { what: title }) }), h('input', { class: 'input', id, 'data-scope': scope, value: gives ?? '', maxlength: '256', autocomplete: 'off', spellcheck: 'false', placeholder: t('sheet.gives-none'), dir: 'auto' }));
}

const changed = (el) => () => Object.fromEntries([...el.querySelectorAll('input[data-scope]')].filter((input) => input.value !== input.defaultValue).map((input) => [input.dataset.scope, input.value.trim()]));

function scopeRow({ value, title, detail }) {
  return h(
    'label',
    { class: 'w-option sheet-scope' },
    h('input', { type: 'checkbox', value, checked: true }),
    h('span', { class: 'w-option-mark checkbox' }, icon('check')),
    h('span', { class: 'w-option-words' }, h('strong', { text: title }), detail ? h('span', { class: 'w-option-detail', text: detail, dir: 'auto' }) : null),
  );
}

// What can't be left out has no box to tick.
function neededRow({ title, detail }) {
  return h('div', { class: 'sheet-needed' }, h('span', { class: 'sheet-needed-mark' }, icon('shield')), h('span', { class: 'w-option-words' }, h('strong', { text: title }), detail ? h('span', { class: 'w-option-detail', text: detail, dir: 'auto' }) : null));
}

const checked = (el) => () => [...el.querySelectorAll('input:checked')].map((input) => input.value);

// What becomes of the money, where it is not simply paid: the host's words, never the program's.
function payNotes({ terms, payee, currency }) {
  const { mode = 'pay', until, atExpiry, fee, count } = terms ?? {};
  const words = { payee, count, until: until ? moment(until) : '', fee: fee ? money(fee, currency) : '' };
  const notes = [tOr(`sheet.note.${mode}`, null) && t(`sheet.note.${mode}`, words), until && mode !== 'packet' && mode !== 'pool' ? t(`sheet.until.${atExpiry}`, words) : null, fee ? t('sheet.fee', words) : null];
  const said = notes.filter(Boolean);
  return said.length ? h('div', { class: 'sheet-terms' }, icon('shield'), h('div', {}, said.map((text) => h('p', { dir: 'auto', text })))) : null;
}

// Off unless chosen: further payments to the same payee with a tap only.
function spendingWays({ pin, affordable, payee, currency, terms }) {
  if (!pin || affordable === false || !terms?.spendingLimits?.length) return null;
  const name = uid();
  const way = (value, words) =>
    h('label', { class: 'w-option' }, h('input', { type: 'radio', name, value, checked: value === '' }), h('span', { class: 'w-option-mark radio' }), h('span', { class: 'w-option-words' }, h('span', { text: words })));
  return h(
    'fieldset',
    { class: 'sheet-spending' },
    h('legend', { class: 'field-label', dir: 'auto', text: t('sheet.spending', { payee, n: Math.round(terms.spendingMs / 60000) }) }),
    h('div', { class: 'w-options style-chips' }, way('', t('sheet.spending-no')), terms.spendingLimits.map((limit) => way(limit, t('sheet.spending-yes', { limit: money(limit, currency) })))),
  );
}

/** What a scope is called by the host. */
export const scopeName = (scope) => tOr(`scope.${scope}`, scope.startsWith('message.') ? `${t('scope.messaging')} · ${scope.slice(8)}` : scope);

// Before the first run: all of it, or the program does not run.
function firstRun(sheet) {
  const scopes = sheet.scopes ?? [];
  const list = asked('', scopes.map(({ scope, reason, value }) => [neededRow({ title: scopeName(scope), detail: reason }), FIELDS.has(scope) ? valueField(scope, scopeName(scope), value) : null]));
  return {
    title: t('sheet.first', { program: sheet.program }),
    content: [
      h('p', { class: 'sheet-title', dir: 'auto', text: t('sheet.first', { program: sheet.program }) }),
      h('p', { class: 'sheet-sub', dir: 'auto', text: t('program.by', { publisher: sheet.publisher }) }),
      h('p', { text: t('sheet.first-lead') }),
      list,
      h('p', { class: 'sheet-note', text: t(scopes.some(({ scope }) => FIELDS.has(scope)) ? 'sheet.first-values' : 'sheet.first-d') }),
    ],
    yes: t('sheet.first-yes'),
    no: t('sheet.first-no'),
    chosen: () => scopes.map(({ scope }) => scope),
    values: changed(list),
  };
}

const KINDS = {
  consent(sheet) {
    if (sheet.required) return firstRun(sheet);
    const list = asked('', (sheet.scopes ?? []).map(({ scope, reason, value }) => [scopeRow({ value: scope, title: scopeName(scope), detail: reason }), FIELDS.has(scope) ? valueField(scope, scopeName(scope), value) : null]));
    return {
      title: t('sheet.consent', { program: sheet.program }),
      content: [h('p', { class: 'sheet-title', text: t('sheet.consent', { program: sheet.program }) }), h('p', { class: 'sheet-sub', text: t('program.by', { publisher: sheet.publisher }) }), list, h('p', { class: 'sheet-note', text: t('sheet.consent-d') })],
      yes: t('sheet.allow'),
      no: t('sheet.deny'),
      chosen: checked(list),
      values: changed(list),
    };
  },
  subscribe(sheet) {
    const once = new Set(sheet.once ?? []);
    const list = asked('', (sheet.templates ?? []).map(([name, title]) => scopeRow({ value: name, title, detail: t(once.has(name) ? 'sheet.once' : 'sheet.always') })));
    return {
      title: t('sheet.subscribe', { program: sheet.program }),
      content: [h('p', { class: 'sheet-title', text: t('sheet.subscribe', { program: sheet.program }) }), h('p', { class: 'sheet-sub', text: t('program.by', { publisher: sheet.publisher }) }), list, h('p', { class: 'sheet-note', text: t('sheet.subscribe-d') })],
      yes: t('sheet.allow'),
      no: t('sheet.deny'),
      chosen: checked(list),
    };
  },
  payment(sheet) {
    const amount = money(sheet.amount, sheet.currency);
    const after = (Number(sheet.balance) - Number(sheet.amount)).toFixed(3);
    const pinId = uid();
    const mode = sheet.terms?.mode || 'pay';
    const ways = spendingWays(sheet);
    const verb = tOr(`sheet.verb.${mode}`, t('sheet.payment'));
    // Money that is held already left the balance when it was reserved.
    const held = mode === 'release' || mode === 'charge';
    return {
      title: `${verb} ${sheet.payee} ${amount}`,
      content: [
        h('p', { class: 'sheet-pay-to' }, h('span', { text: verb }), h('strong', { text: sheet.payee, dir: 'auto' })),
        h('p', { class: 'sheet-amount', text: amount }),
        sheet.purpose ? h('p', { class: 'sheet-purpose', dir: 'auto', text: t('sheet.purpose', { program: sheet.program, purpose: sheet.purpose }) }) : null,
        sheet.lines?.length
          ? h('dl', { class: 'w-facts sheet-lines', 'aria-label': t('sheet.lines') }, sheet.lines.map(([title, quantity, sum]) => h('div', { class: 'w-fact' }, h('dt', {}, h('span', { text: title, dir: 'auto' }), quantity > 1 ? h('span', { class: 'sheet-times', text: ` × ${quantity}` }) : null), h('dd', { text: money(sum, sheet.currency) }))))
          : null,
        payNotes(sheet),
        sheet.terms?.spendingLeft ? h('div', { class: 'sheet-terms sheet-tap' }, icon('shield'), h('p', { dir: 'auto', text: t('sheet.tap', { left: money(sheet.terms.spendingLeft, sheet.currency), payee: sheet.payee, until: moment(sheet.terms.spendingUntil) }) })) : null,
        held ? null : h('dl', { class: 'w-facts sheet-wallet' }, h('div', { class: 'w-fact' }, h('dt', { text: t(mode === 'payout' ? 'sheet.merchant-balance' : 'sheet.balance') }), h('dd', { text: money(sheet.balance, sheet.currency) })), sheet.affordable === false ? null : h('div', { class: 'w-fact' }, h('dt', { text: t('sheet.after') }), h('dd', { text: money(after, sheet.currency) }))),
        sheet.affordable === false ? h('p', { class: 'field-error', role: 'alert' }, icon('alert'), h('span', { text: t('sheet.short') })) : null,
        sheet.pin && sheet.affordable !== false
          ? h('div', { class: 'field' }, h('label', { class: 'field-label', for: pinId, text: t('sheet.pin') }), h('input', { class: 'input pin', id: pinId, type: 'password', inputmode: 'numeric', autocomplete: 'off', maxlength: '12', 'data-pin': true }))
          : null,
        ways,
      ],
      yes: mode === 'pay' ? t('sheet.pay', { amount }) : t('sheet.do', { verb: tOr(`sheet.yes.${mode}`, verb), amount }),
      no: mode === 'pay' ? t('sheet.no-pay') : t('sheet.no'),
      ready: sheet.affordable !== false,
      chosen: () => [],
      spending: () => ways?.querySelector('input:checked')?.value ?? '',
    };
  },
  share(sheet) {
    const name = uid();
    const none = !sheet.chats?.length;
    const way = (chat, index) =>
      h('label', { class: 'w-option sheet-scope' }, h('input', { type: 'radio', name, value: chat.chat, checked: index === 0 }), h('span', { class: 'w-option-mark radio' }), h('span', { class: 'w-option-words' }, h('strong', { dir: 'auto', text: chatTitle(chat) }), chat.group ? h('span', { class: 'w-option-detail', text: t('chat.count', { n: chat.members }) }) : null));
    const list = h('fieldset', { class: 'sheet-scopes' }, h('legend', { class: 'field-label', text: t('sheet.share-where') }), (sheet.chats ?? []).map(way));
    return {
      title: t('sheet.share', { program: sheet.program }),
      content: [
        h('p', { class: 'sheet-title', dir: 'auto', text: t('sheet.share', { program: sheet.program }) }),
        h('p', { class: 'sheet-sub', text: t('program.by', { publisher: sheet.publisher }) }),
        h('p', { class: 'sheet-purpose', dir: 'auto', text: t('sheet.purpose', { program: sheet.program, purpose: [sheet.title, sheet.summary].filter(Boolean).join(' · ') }) }),
        none ? h('p', { class: 'field-error', role: 'alert' }, icon('info'), h('span', { text: t('sheet.share-none') })) : list,
        h('p', { class: 'sheet-note', text: t('sheet.share-d', { program: sheet.program }) }),
      ],
      yes: t('chat.send'),
      no: t('sheet.no'),
      ready: !none,
      chosen: checked(list),
    };
  },
  open(sheet) {
    return {
      title: t('sheet.open', { program: sheet.program, target: sheet.target }),
      content: [
        h('p', { class: 'sheet-title', dir: 'auto', text: t('sheet.open', { program: sheet.program, target: sheet.target }) }),
        h('p', { class: 'sheet-sub', dir: 'auto', text: t('program.by', { publisher: sheet.targetPublisher }) }),
        sheet.opens?.query?.length
          ? h('details', { class: 'problem-more' }, h('summary', { text: t('sheet.open-tells', { n: sheet.opens.query.length }) }), h('dl', { class: 'w-facts' }, sheet.opens.query.map(([name, value]) => h('div', { class: 'w-fact' }, h('dt', { dir: 'auto', text: name }), h('dd', { dir: 'auto', text: value })))))
          : null,
        h('p', { class: 'sheet-note', text: t('sheet.open-d', { program: sheet.program }) }),
      ],
      yes: t('sheet.open-yes'),
      no: t('sheet.open-no'),
      chosen: () => [],
    };
  },
};

const unknown = (sheet) => ({
  title: t('sheet.unknown', { program: sheet.program }),
  content: [h('p', { class: 'sheet-title', text: t('sheet.unknown', { program: sheet.program }) })],
  yes: t('ok'),
  no: t('sheet.deny'),
  ready: false,
  chosen: () => [],
});
