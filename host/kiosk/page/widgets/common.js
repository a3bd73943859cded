// What widgets share.

import { h, attr, setText, uid } from '../dom.js';
import { icon } from '../icons.js';

/** That word, or the first where it is another. */
export const word = (value, words) => (words.includes(value) ? value : words[0]);
export const TONES = ['plain', 'accent', 'quiet', 'good', 'warn', 'bad'];
export const GAPS = ['m', 'none', 's', 'l'];

/** Text split into lines; none for empty text. */
export const lines = (text) => (text ? String(text).split('\n') : []);

/** "value TAB label TAB detail" a line. */
export const options = (text) =>
  lines(text).map((line) => {
    const [value, label, detail] = line.split('\t');
    return { value, label: label || value, detail: detail ?? '' };
  });

/** Keeps modifier classes: `tone` → "is-good". */
export function mark(el, group, value) {
  for (const name of [...el.classList]) if (name.startsWith(`${group}-`)) el.classList.remove(name);
  el.classList.add(`${group}-${value}`);
}

/** A button below everything else in a surface: the whole surface can be tapped, and controls that stand above it keep their own taps. */
export function cover(el, labelled, tap) {
  let button = null;
  el.addEventListener('click', (event) => {
    if (!button) return;
    const control = event.target.closest('button, input, select, textarea, label, a, summary, .can-tap');
    if (control === button || control === el) tap();
  });
  return (on, label) => {
    if (on && !button) {
      button = h('button', { class: 'cover', type: 'button' });
      el.prepend(button);
      el.classList.add('can-tap');
    } else if (!on && button) {
      button.remove();
      button = null;
      el.classList.remove('can-tap');
    }
    if (!button) return;
    attr(button, 'aria-label', label);
    attr(button, 'aria-labelledby', label ? null : labelled.id);
  };
}

/** Label, hint and error around a control; `update(a)` keeps them. */
export function field(control, { group = false, labelTag = 'label' } = {}) {
  const ids = { control: uid(), label: uid(), hint: uid(), error: uid() };
  const label = h(group ? 'legend' : labelTag, { class: 'field-label', id: ids.label });
  if (!group && labelTag === 'label') label.htmlFor = ids.control;
  const hint = h('p', { class: 'field-hint', id: ids.hint });
  const errorText = h('span');
  const error = h('p', { class: 'field-error', id: ids.error }, icon('alert'), errorText);
  const live = h('div', { 'aria-live': 'polite' }, error);
  const el = h(group ? 'fieldset' : 'div', { class: 'field' }, label, control, live, hint);
  if (!group) control.id = ids.control;
  const target = group ? el : control;
  return {
    el,
    ids,
    update(a) {
      setText(label, a.label ?? '');
      label.hidden = !a.label;
      setText(hint, a.hint ?? '');
      hint.hidden = !a.hint;
      setText(errorText, a.error ?? '');
      error.hidden = !a.error;
      el.classList.toggle('has-error', Boolean(a.error));
      attr(target, 'aria-describedby', [a.error && ids.error, a.hint && ids.hint].filter(Boolean).join(' '));
      if (!group) {
        attr(target, 'aria-invalid', a.error ? 'true' : null);
        attr(target, 'aria-label', !a.label && a.described ? a.described : null);
        target.disabled = a.disabled === true;
      } else el.disabled = a.disabled === true;
    },
  };
}

/**
 * A value that is shown at once when the person changes it, and follows the program's again when their events are acknowledged.
 * `show(value)` draws; `read()` gives the program's.
 */
export function held(node, ctx, kind, { show, read }) {
  let pending = 0;
  let timer = 0;
  const settle = () => {
    timer = 0;
    if (!pending) show(read());
  };
  return {
    change(value) {
      const sent = ctx.fire(node, kind, value, () => {
        pending -= 1;
        // The patch may come just after the acknowledgement.
        if (!pending) timer = setTimeout(settle, 200);
      });
      clearTimeout(timer);
      if (sent) pending += 1;
    },
    sync() {
      if (!pending) {
        clearTimeout(timer);
        settle();
      }
    },
    stop: () => clearTimeout(timer),
  };
}
