// Widgets that arrange others.

import { h, attr, setText, uid } from '../dom.js';
import { word, mark, cover, TONES, GAPS } from './common.js';

const ALIGN = ['stretch', 'start', 'center', 'end'];

export function page(node) {
  const subtitle = h('p', { class: 'w-page-subtitle' });
  const slot = h('div', { class: 'w-page-body' });
  const el = h('div', { class: 'w-page' }, subtitle, slot);
  return {
    el,
    slot,
    update() {
      setText(subtitle, node.a.subtitle);
      subtitle.hidden = !node.a.subtitle;
    },
  };
}

export function stack(node) {
  const el = h('div', { class: 'w-stack' });
  return {
    el,
    slot: el,
    update() {
      mark(el, 'gap', word(node.a.gap, GAPS));
      mark(el, 'align', word(node.a.align, ALIGN));
      mark(el, 'pad', node.a.pad ? word(node.a.pad, GAPS) : 'none');
      el.classList.toggle('docked', node.a.dock === 'bottom');
    },
  };
}

export function row(node) {
  const el = h('div', { class: 'w-row' });
  return {
    el,
    slot: el,
    update() {
      mark(el, 'gap', word(node.a.gap, GAPS));
      mark(el, 'align', node.a.align ? word(node.a.align, ALIGN) : 'center');
      mark(el, 'justify', word(node.a.justify, ['start', 'center', 'end', 'between']));
      el.classList.toggle('wraps', node.a.wrap === true);
    },
  };
}

export function grid(node) {
  const el = h('div', { class: 'w-grid' });
  return {
    el,
    slot: el,
    update() {
      const columns = Math.min(6, Math.max(1, Math.trunc(Number(node.a.columns)) || 2));
      mark(el, 'columns', columns);
      mark(el, 'gap', word(node.a.gap, GAPS));
    },
  };
}

export function card(node, ctx) {
  const slot = h('div', { class: 'w-card-body', id: uid() });
  const el = h('div', { class: 'w-card' }, slot);
  const tappable = cover(el, slot, () => ctx.fire(node, 'tap'));
  return {
    el,
    slot,
    describes: true,
    update() {
      mark(el, 'tone', word(node.a.tone, TONES));
      tappable(node.on.has('tap'), node.a.described);
    },
  };
}

export function divider(node) {
  const label = h('span');
  const el = h('div', { class: 'w-divider', role: 'separator' }, label);
  return {
    el,
    update() {
      setText(label, node.a.label);
      label.hidden = !node.a.label;
      attr(el, 'aria-label', node.a.label);
    },
  };
}

export function scroll(node) {
  const el = h('div', { class: 'w-scroll', tabindex: '0', role: 'group' });
  return {
    el,
    slot: el,
    update() {
      mark(el, 'axis', word(node.a.axis, ['vertical', 'horizontal']));
      attr(el, 'aria-label', node.a.label);
    },
  };
}
