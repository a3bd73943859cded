// Controls: buttons, text, numbers, days.

import { h, attr, setText, fill, uid } from '../dom.js';
import { t } from '../i18n.js';
import { icon } from '../icons.js';
import { word, mark, field, held } from './common.js';

export function button(node, ctx) {
  const symbol = h('span', { class: 'btn-icon' });
  const label = h('span', { class: 'btn-label' });
  const el = h('button', { class: 'btn w-button', type: 'button' }, symbol, label);
  el.addEventListener('click', () => {
    if (node.a.busy === true || el.disabled) return;
    // Shown as under way until the program has had it: no second tap out of doubt.
    el.classList.add('sending');
    if (!ctx.fire(node, 'tap', undefined, () => el.classList.remove('sending'))) el.classList.remove('sending');
  });
  return {
    el,
    update() {
      mark(el, 'tone', word(node.a.tone, ['plain', 'primary', 'quiet', 'bad']));
      setText(label, node.a.label);
      symbol.hidden = !node.a.icon;
      el.classList.toggle('icon-only', Boolean(node.a.icon) && !node.a.label);
      if (el.dataset.icon !== (node.a.icon ?? '')) {
        el.dataset.icon = node.a.icon ?? '';
        fill(symbol, node.a.icon ? icon(node.a.icon) : null);
      }
      el.disabled = node.a.disabled === true;
      el.classList.toggle('busy', node.a.busy === true);
      attr(el, 'aria-busy', node.a.busy === true ? 'true' : null);
      el.classList.toggle('wide', node.a.wide === true);
    },
  };
}

const KINDS = {
  text: { type: 'text' },
  number: { type: 'text', inputmode: 'decimal' },
  phone: { type: 'tel', inputmode: 'tel' },
  search: { type: 'search', enterkeyhint: 'search' },
};

/**
 * What is typed stands until the program has had it: while an event is under way, and while the field has the focus and the
 * program only echoes an earlier keystroke, the local text wins. Anything else that the program sets is shown.
 */
export function textField(node, ctx) {
  const kind = word(node.a.type, ['text', 'number', 'phone', 'search', 'multiline']);
  const input = kind === 'multiline' ? h('textarea', { class: 'input', rows: '3' }) : h('input', { class: 'input', ...KINDS[kind] });
  input.autocomplete = 'off';
  input.setAttribute('autocapitalize', 'off');
  input.spellcheck = false;
  const frame = field(input);
  let pending = 0;
  let timer = 0;
  let typed = false;
  let echoes = [];
  let committed = node.a.value ?? '';

  const show = () => {
    const value = String(node.a.value ?? '');
    if (pending || timer || input.value === value) return;
    if (document.activeElement === input && typed && echoes.includes(value)) return;
    // Nobody listens to keystrokes: the text is only here until the field is left.
    if (typed && !node.on.has('input') && document.activeElement === input && value === committed) return;
    const caret = input.selectionStart;
    input.value = value;
    committed = value;
    typed = false;
    if (document.activeElement === input && caret !== null) input.setSelectionRange(caret, caret);
    grow();
  };
  const grow = () => {
    if (kind !== 'multiline') return;
    input.style.setProperty('height', 'auto');
    input.style.setProperty('height', `${Math.min(input.scrollHeight + 2, 320)}px`);
  };
  const send = (event) => {
    echoes = event === 'input' ? [...echoes, input.value].slice(-32) : [];
    const sent = ctx.fire(node, event, input.value, () => {
      pending -= 1;
      if (!pending) setTimeout(show, 120);
    });
    if (sent) pending += 1;
  };
  const flush = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    send('input');
  };
  input.addEventListener('input', () => {
    typed = true;
    grow();
    if (!node.on.has('input')) return;
    clearTimeout(timer);
    timer = setTimeout(flush, 120);
  });
  input.addEventListener('change', () => {
    flush();
    committed = input.value;
    if (node.on.has('change')) send('change');
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing || (kind === 'multiline' && !event.ctrlKey)) return;
    flush();
    if (node.on.has('change') && input.value !== committed) send('change');
    committed = input.value;
    if (node.on.has('submit')) {
      send('submit');
      typed = false;
    }
  });
  input.addEventListener('blur', () => {
    typed = false;
    echoes = [];
    if (node.on.has('input')) setTimeout(show, 150);
  });
  return {
    el: frame.el,
    describes: true,
    update(changed) {
      const { a } = node;
      frame.update(a);
      attr(input, 'placeholder', a.placeholder);
      input.maxLength = Math.max(1, Math.trunc(Number(a['max-length'])) || 1000);
      if (!changed || changed.has('value')) show();
    },
    destroy() {
      clearTimeout(timer);
      input.value = '';
    },
  };
}

export function stepper(node, ctx) {
  const value = h('output', { class: 'w-stepper-value', 'aria-live': 'polite' });
  const less = h('button', { class: 'round-btn', type: 'button' }, icon('minus'));
  const more = h('button', { class: 'round-btn more', type: 'button' }, icon('plus'));
  const label = h('span', { class: 'w-stepper-label', id: uid() });
  const el = h('div', { class: 'w-stepper', role: 'group', 'aria-labelledby': label.id }, label, h('span', { class: 'w-stepper-box' }, less, value, more));
  let now = 0;
  const limits = () => [Number(node.a.min ?? 0) || 0, Number(node.a.max ?? 99)];
  const show = (number) => {
    now = number;
    const [min, max] = limits();
    setText(value, now);
    // A disabled button would drop the focus: these stay reachable and say so.
    attr(less, 'aria-disabled', now <= min || node.a.disabled === true ? 'true' : null);
    attr(more, 'aria-disabled', now >= max || node.a.disabled === true ? 'true' : null);
    el.classList.toggle('at-zero', now === 0 && min === 0);
  };
  const keep = held(node, ctx, 'change', { show, read: () => Math.trunc(Number(node.a.value)) || 0 });
  const step = (by) => {
    const [min, max] = limits();
    if (node.a.disabled === true) return;
    const next = Math.min(max, Math.max(min, now + by));
    if (next === now) return;
    show(next);
    keep.change(next);
  };
  less.addEventListener('click', () => step(-1));
  more.addEventListener('click', () => step(1));
  return {
    el,
    describes: true,
    update() {
      setText(label, node.a.label || node.a.described);
      attr(less, 'aria-label', t('widget.less', { label: node.a.label ?? '' }));
      attr(more, 'aria-label', t('widget.more', { label: node.a.label ?? '' }));
      keep.sync();
      show(now);
    },
    destroy: keep.stop,
  };
}

export function dateTime(node, ctx) {
  const kind = word(node.a.type, ['date', 'time', 'date-time']);
  const input = h('input', { class: 'input', type: kind === 'date-time' ? 'datetime-local' : kind });
  const frame = field(input);
  const cut = (iso) => {
    const text = String(iso ?? '');
    if (kind === 'date') return text.slice(0, 10);
    if (kind === 'time') return (text.includes('T') ? text.split('T')[1] : text).slice(0, 5);
    return text.slice(0, 16);
  };
  const keep = held(node, ctx, 'change', {
    show: (value) => {
      if (document.activeElement !== input && input.value !== value) input.value = value;
    },
    read: () => cut(node.a.value),
  });
  input.addEventListener('change', () => keep.change(input.value));
  input.addEventListener('blur', () => keep.sync());
  return {
    el: frame.el,
    describes: true,
    update() {
      frame.update(node.a);
      attr(input, 'min', cut(node.a.min));
      attr(input, 'max', cut(node.a.max));
      keep.sync();
    },
    destroy: keep.stop,
  };
}
