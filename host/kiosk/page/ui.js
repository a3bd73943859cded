// Dialogs, notices, problems: what several screens of the host share.

import { h, fill, uid, animate, attr } from './dom.js';
import { icon } from './icons.js';
import { t } from './i18n.js';

/** A button of the host. */
export function btn(label, run, { tone = 'plain', symbol, wide, submit, busyWhile = true, ...rest } = {}) {
  const el = h('button', { class: ['btn', `tone-${tone}`, wide && 'wide'], type: submit ? 'submit' : 'button', ...rest }, symbol ? h('span', { class: 'btn-icon' }, icon(symbol)) : null, h('span', { class: 'btn-label', text: label }));
  if (run) {
    el.addEventListener('click', async (event) => {
      if (el.classList.contains('busy')) return;
      const done = run(event);
      if (!busyWhile || !(done instanceof Promise)) return;
      busy(el, true);
      await done.finally(() => busy(el, false));
    });
  }
  return el;
}

export function busy(el, on) {
  el.classList.toggle('busy', on);
  attr(el, 'aria-busy', on ? 'true' : null);
}

/** A round button with a symbol only. */
export const iconBtn = (symbol, label, run, props) => h('button', { class: 'icon-btn', type: 'button', 'aria-label': label, title: label, on: { click: run }, ...props }, icon(symbol));

/** What a host or an author says about it, in their own words, for whoever opens it. */
export const moreWords = (text, code) =>
  text ? h('details', { class: 'problem-more' }, h('summary', { text: t('problem.more') }), h('p', { lang: 'en', dir: 'ltr', text }), code ? h('p', { class: 'problem-code', text: t('problem.code', { code }) }) : null) : null;

/** What happened, and the one thing to do now. */
export function problemBox(problem, ...actions) {
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    h('span', { class: 'problem-icon' }, icon('alert')),
    h('div', { class: 'problem-words' }, h('p', { class: 'problem-title', text: problem.title }), h('p', { text: problem.detail }), h('p', { class: 'problem-remedy', text: problem.remedy }), moreWords(problem.more, problem.code)),
    actions.length ? h('div', { class: 'problem-actions' }, actions) : null,
  );
}

/** A quiet picture and words where there is nothing. */
export const empty = (symbol, title, detail, ...more) => h('div', { class: 'empty' }, h('span', { class: 'empty-icon' }, icon(symbol)), h('p', { class: 'empty-title', text: title }), detail ? h('p', { class: 'empty-detail', text: detail }) : null, more);

export const skeleton = (rows = 3) => h('div', { class: 'skeleton', role: 'status', 'aria-label': t('loading') }, Array.from({ length: rows }, () => h('span', { class: 'skeleton-row' })));

const open = new Set();

/**
 * A modal dialog. `onStage`: over the stage only, from the host's edge; else in the middle. `cancel` runs at Escape or a tap
 * outside; null: neither closes it. `still`: without motion, in the place of another one. Gives `{el, body, close(), closed}`.
 */
export function dialog({ title, className = '', onStage = false, cancel, heading = true, alert = false, still = false }, ...content) {
  const titleId = uid();
  const body = h('div', { class: 'dialog-panel' });
  const el = h('dialog', { class: ['dialog', onStage && 'on-stage', className], 'aria-labelledby': titleId, role: alert ? 'alertdialog' : null }, body);
  let settle;
  const it = {
    el,
    body,
    titleId,
    open: true,
    closed: new Promise((resolve) => (settle = resolve)),
    async close(atOnce = false) {
      if (!it.open) return;
      it.open = false;
      open.delete(it);
      el.classList.add('leaving');
      if (!atOnce) await animate(body, onStage ? [{ transform: 'none' }, { transform: 'translateY(-103%)' }] : [{ opacity: 1, transform: 'none' }, { opacity: 0, transform: 'translateY(8px)' }], 160);
      el.close();
      if (el.contains(tray)) document.body.append(tray);
      el.remove();
      settle();
    },
  };
  const dismiss = () => (cancel === null ? undefined : (cancel ?? it.close)());
  fill(
    body,
    heading ? h('div', { class: 'dialog-head' }, h('h2', { class: 'dialog-title', id: titleId, text: title, tabindex: '-1' }), cancel === null ? null : iconBtn('close', t('panel.close'), dismiss)) : h('h2', { class: 'sr', id: titleId, text: title }),
    content,
  );
  el.addEventListener('cancel', (event) => {
    event.preventDefault();
    dismiss();
  });
  // Chromium closes a dialog at a second Escape whatever the page says: it is opened again.
  el.addEventListener('close', () => {
    if (it.open && el.isConnected) el.showModal();
  });
  if (cancel !== null && !onStage) el.addEventListener('click', (event) => event.target === el && dismiss());
  document.body.append(el);
  el.showModal();
  open.add(it);
  (body.querySelector('[autofocus]') ?? body.querySelector('.dialog-title'))?.focus();
  if (!still) animate(body, onStage ? [{ transform: 'translateY(-103%)' }, { transform: 'none' }] : [{ opacity: 0, transform: 'translateY(8px)' }, { opacity: 1, transform: 'none' }], 220);
  return it;
}

/** Closes everything that is open. */
export const closeDialogs = () => Promise.all([...open].map((it) => it.close()));
export const anyDialog = () => open.size > 0;

/** Asks before something that can't be taken back. */
export function confirm({ title, detail, yes, no, tone = 'bad' }) {
  return new Promise((resolve) => {
    const answer = (value) => {
      it.close();
      resolve(value);
    };
    const it = dialog(
      { title, className: 'small', cancel: () => answer(false), alert: true },
      h('p', { class: 'dialog-lead', text: detail }),
      h('div', { class: 'dialog-actions' }, btn(no, () => answer(false), { autofocus: true }), btn(yes, () => answer(true), { tone })),
    );
  });
}

// There from the start: a live region that comes with its first words is not read out.
const tray = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
document.body.append(tray);

/** A notice that goes by itself; a tap runs `run`. */
export function toast(notice) {
  // Where a sheet fills the width, nothing may lie over the host's edge or its buttons: the notice comes after it.
  const sheet = matchMedia('(max-width: 1099px)').matches && document.querySelector('.sheet[open]:not(.leaving)');
  if (sheet) return sheet.addEventListener('close', () => toast(notice), { once: true });
  const { symbol = 'info', title, detail, run, ms = 6000, tone = 'plain' } = notice;
  // Above dialogs, which are in the top layer: a notice must be able to stand over them.
  (document.querySelector('dialog[open]') ?? document.body).append(tray);
  const words = [h('span', { class: 'toast-icon' }, icon(symbol)), h('span', { class: 'toast-words' }, h('strong', { text: title, dir: 'auto' }), detail ? h('span', { text: detail, dir: 'auto' }) : null)];
  const el = run ? h('button', { class: `toast tone-${tone}`, type: 'button' }, words) : h('div', { class: `toast tone-${tone}` }, words);
  const gone = async () => {
    clearTimeout(timer);
    await animate(el, [{ opacity: 1 }, { opacity: 0, transform: 'translateY(-8px)' }], 150);
    el.remove();
  };
  if (run) {
    el.addEventListener('click', () => {
      gone();
      run();
    });
  }
  let timer = setTimeout(gone, ms);
  for (const on of ['pointerenter', 'focusin']) el.addEventListener(on, () => clearTimeout(timer));
  for (const on of ['pointerleave', 'focusout']) el.addEventListener(on, () => (timer = setTimeout(gone, 2500)));
  tray.prepend(el);
  while (tray.children.length > 3) tray.lastChild.remove();
  animate(el, [{ opacity: 0, transform: 'translateY(-8px)' }, { opacity: 1, transform: 'none' }], 200);
}

/** Where notices stand, for whoever fills the body anew. */
export const notices = () => tray;
/** Clears notices. */
export const clearToasts = () => tray.replaceChildren();

/** A form that runs `submit` with its values and shows the problem that it throws. */
export function form({ fields, submit, label, tone = 'primary', extra }) {
  const alertBox = h('div', { class: 'form-problem' });
  const inputs = {};
  const rows = fields.map((field) => {
    const id = uid();
    const hintId = uid();
    const input = h('input', { class: 'input', id, type: field.type ?? 'text', inputmode: field.inputmode, autocomplete: 'off', autocapitalize: field.autocapitalize ?? 'off', spellcheck: 'false', maxlength: field.max ?? 200, required: true, placeholder: field.placeholder, autofocus: field.autofocus, 'aria-describedby': field.hint ? hintId : null });
    inputs[field.name] = input;
    return h('div', { class: 'field' }, h('label', { class: 'field-label', for: id, text: field.label }), input, field.hint ? h('p', { class: 'field-hint', id: hintId, text: field.hint }) : null);
  });
  const go = btn(label, null, { tone, wide: true, submit: true });
  const el = h('form', { class: 'form', novalidate: true }, rows, alertBox, go, extra);
  el.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.classList.contains('busy')) return;
    const missing = Object.values(inputs).find((input) => !input.value.trim());
    if (missing) return missing.focus();
    fill(alertBox);
    busy(go, true);
    try {
      await submit(Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value])));
    } catch (problem) {
      fill(alertBox, problemBox(problem));
      const pin = Object.values(inputs).find((input) => input.type === 'password');
      if (pin) {
        pin.value = '';
        pin.focus();
      }
    } finally {
      busy(go, false);
    }
  });
  return el;
}
