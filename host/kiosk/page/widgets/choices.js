// Choices.

import { h, attr, setText, fill, uid } from '../dom.js';
import { icon } from '../icons.js';
import { word, mark, lines, options, field, held } from './common.js';

function group(node, ctx, { type, value, read }) {
  const box = h('div', { class: 'w-options' });
  const frame = field(box, { group: true });
  const name = uid();
  const show = (chosen) => {
    const set = new Set(chosen);
    for (const input of box.querySelectorAll('input')) input.checked = set.has(input.value);
  };
  const keep = held(node, ctx, 'change', { show, read });
  box.addEventListener('change', () => keep.change(value([...box.querySelectorAll('input:checked')].map((input) => input.value))));
  let drawn = null;
  return {
    el: frame.el,
    describes: true,
    update() {
      const { a } = node;
      frame.update(a);
      if (!a.label && a.described) attr(frame.el, 'aria-label', a.described);
      mark(box, 'style', type === 'radio' ? word(a.style, ['list', 'chips']) : 'list');
      if (drawn !== a.options) {
        drawn = a.options;
        const focused = box.contains(document.activeElement) ? document.activeElement.value : null;
        fill(
          box,
          options(a.options).map((option) =>
            h(
              'label',
              { class: 'w-option' },
              h('input', { type, name, value: option.value }),
              h('span', { class: `w-option-mark ${type}` }, type === 'checkbox' ? icon('check') : null),
              h('span', { class: 'w-option-words' }, h('span', { text: option.label, dir: 'auto' }), option.detail ? h('span', { class: 'w-option-detail', text: option.detail }) : null),
            ),
          ),
        );
        if (focused !== null) [...box.querySelectorAll('input')].find((input) => input.value === focused)?.focus();
        show(read());
      }
      keep.sync();
    },
    destroy: keep.stop,
  };
}

export const checkboxGroup = (node, ctx) => group(node, ctx, { type: 'checkbox', value: (chosen) => chosen.join('\n'), read: () => lines(node.a.value) });

export const radioGroup = (node, ctx) => group(node, ctx, { type: 'radio', value: (chosen) => chosen[0] ?? '', read: () => [String(node.a.value ?? '')] });

export function select(node, ctx) {
  const control = h('select', { class: 'input' });
  const frame = field(control);
  const keep = held(node, ctx, 'change', {
    show: (value) => {
      if (control.value !== value) control.value = value;
    },
    read: () => String(node.a.value ?? ''),
  });
  control.addEventListener('change', () => keep.change(control.value));
  let drawn = null;
  return {
    el: frame.el,
    describes: true,
    update() {
      frame.update(node.a);
      frame.el.classList.add('is-select');
      if (drawn !== node.a.options) {
        drawn = node.a.options;
        const all = options(node.a.options);
        const known = all.some((option) => option.value === String(node.a.value ?? ''));
        fill(control, known ? null : h('option', { value: String(node.a.value ?? ''), text: '—' }), all.map((option) => h('option', { value: option.value, text: option.label })));
        control.value = String(node.a.value ?? '');
      }
      keep.sync();
    },
    destroy: keep.stop,
  };
}

export function toggle(node, ctx) {
  const label = h('span', { class: 'w-switch-label' });
  const hint = h('span', { class: 'field-hint', id: uid() });
  const input = h('input', { type: 'checkbox', role: 'switch' });
  const el = h('div', { class: 'w-switch' }, h('label', { class: 'w-switch-row' }, label, input, h('span', { class: 'w-switch-track' })), hint);
  const keep = held(node, ctx, 'change', { show: (value) => (input.checked = value), read: () => node.a.value === true });
  input.addEventListener('change', () => keep.change(input.checked));
  return {
    el,
    describes: true,
    update() {
      setText(label, node.a.label);
      setText(hint, node.a.hint);
      hint.hidden = !node.a.hint;
      attr(input, 'aria-describedby', node.a.hint ? hint.id : null);
      attr(input, 'aria-label', !node.a.label ? node.a.described : null);
      input.disabled = node.a.disabled === true;
      keep.sync();
    },
    destroy: keep.stop,
  };
}
