// Lists and tabs.

import { h, attr, setText, uid } from '../dom.js';
import { cover, lines, held } from './common.js';
import { picture } from './content.js';

// A list may be a window of a longer one: two spacers keep the scroll bar honest, and ask when they come into sight.
export function list(node, ctx) {
  const slot = h('div', { class: 'w-list-items', role: 'list' });
  const above = h('div', { class: 'w-list-space', 'aria-hidden': 'true' });
  const below = h('div', { class: 'w-list-space', 'aria-hidden': 'true' });
  const el = h('div', { class: 'w-list' }, above, slot, below);
  let asked = -1;
  let each = 64;
  const measure = () => {
    if (slot.children.length && slot.offsetHeight) each = Math.max(24, slot.offsetHeight / slot.children.length);
    const offset = Math.max(0, Number(node.a.offset) || 0);
    const after = Math.max(0, (Number(node.a.total) || 0) - offset - slot.children.length);
    above.style.setProperty('height', `${Math.min(offset * each, 4e6)}px`);
    below.style.setProperty('height', `${Math.min(after * each, 4e6)}px`);
  };
  const seen = new IntersectionObserver(
    (entries) => {
      if (!node.on.has('window')) return;
      for (const entry of entries) {
        if (!entry.isIntersecting || !entry.boundingClientRect.height) continue;
        const top = el.getBoundingClientRect().top;
        const view = ctx.viewport().top;
        const first = Math.max(0, Math.floor((view - top) / each) - 5);
        if (first !== asked) {
          asked = first;
          ctx.fire(node, 'window', first);
        }
      }
    },
    { rootMargin: '300px 0px', threshold: [0, 0.01, 0.1, 0.5] },
  );
  seen.observe(above);
  seen.observe(below);
  return {
    el,
    slot,
    update() {
      attr(slot, 'aria-label', node.a.label);
      asked = -1;
      measure();
    },
    placed() {
      for (const child of slot.children) if (child.getAttribute('role') !== 'listitem') child.setAttribute('role', 'listitem');
      requestAnimationFrame(measure);
    },
    destroy: () => seen.disconnect(),
  };
}

export function listItem(node, ctx) {
  const img = h('span', { class: 'w-item-image' });
  const title = h('span', { class: 'w-item-title', dir: 'auto', id: uid() });
  const detail = h('span', { class: 'w-item-detail', dir: 'auto' });
  const value = h('span', { class: 'w-item-value' });
  const slot = h('span', { class: 'w-item-slot' });
  const el = h('div', { class: 'w-item' }, img, h('span', { class: 'w-item-words' }, title, detail), value, slot);
  const tappable = cover(el, title, () => ctx.fire(node, 'tap'));
  const shown = picture(img, ctx);
  return {
    el,
    slot,
    describes: true,
    update(changed) {
      setText(title, node.a.title);
      setText(detail, node.a.detail);
      setText(value, node.a.value);
      detail.hidden = !node.a.detail;
      value.hidden = !node.a.value;
      img.hidden = !node.a.image;
      if (!changed || changed.has('image')) shown(node.a.image, '');
      tappable(node.on.has('tap'), node.a.described);
    },
    placed: () => slot.classList.toggle('filled', slot.children.length > 0),
  };
}

export function tabs(node, ctx) {
  const base = uid();
  const bar = h('div', { class: 'w-tabs-bar', role: 'tablist' });
  const slot = h('div', { class: 'w-tabs-body' });
  const el = h('div', { class: 'w-tabs' }, bar, slot);
  let selected = 0;
  const show = (index) => {
    selected = Math.min(Math.max(0, Number(index) || 0), Math.max(0, bar.children.length - 1));
    [...bar.children].forEach((tab, at) => {
      attr(tab, 'aria-selected', at === selected ? 'true' : 'false');
      tab.tabIndex = at === selected ? 0 : -1;
      if (at === selected && bar.scrollWidth > bar.clientWidth) bar.scrollTo({ left: tab.offsetLeft - bar.clientWidth / 3, behavior: 'instant' });
    });
    [...slot.children].forEach((panel, at) => panel.classList.toggle('tab-off', at !== selected));
  };
  const value = held(node, ctx, 'change', { show, read: () => node.a.selected ?? 0 });
  const choose = (index) => {
    show(index);
    bar.children[selected]?.focus();
    value.change(selected);
  };
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const n = bar.children.length;
    if (step) choose((selected + step + n) % n);
    else if (event.key === 'Home') choose(0);
    else if (event.key === 'End') choose(n - 1);
    else return;
    event.preventDefault();
  });
  return {
    el,
    slot,
    update() {
      attr(bar, 'aria-label', node.a.label);
      lines(node.a.labels).forEach((label, index) => {
        if (!bar.children[index]) bar.append(h('button', { class: 'w-tab', type: 'button', role: 'tab', id: `${base}-t${index}`, on: { click: () => choose(index) } }));
        setText(bar.children[index], label);
      });
      while (bar.children.length > lines(node.a.labels).length) bar.lastChild.remove();
      value.sync();
    },
    placed() {
      [...slot.children].forEach((panel, index) => {
        panel.id ||= uid();
        panel.setAttribute('role', 'tabpanel');
        panel.setAttribute('aria-labelledby', `${base}-t${index}`);
        attr(bar.children[index] ?? panel, 'aria-controls', bar.children[index] ? panel.id : null);
      });
      show(selected);
    },
    destroy: value.stop,
  };
}
