// Widgets that show.

import { h, attr, setText, fill } from '../dom.js';
import { icon as symbol } from '../icons.js';
import { word, mark, TONES } from './common.js';

export function text(node) {
  const el = h('div', { class: 'w-text', dir: 'auto' });
  return {
    el,
    update() {
      const { a } = node;
      mark(el, 'size', word(a.size, ['body', 'small', 'title', 'large']));
      mark(el, 'weight', word(a.weight, ['regular', 'strong']));
      mark(el, 'tone', word(a.tone, TONES));
      mark(el, 'text', word(a.align, ['start', 'center', 'end']));
      const clamp = Math.trunc(Number(a.lines)) || 0;
      el.classList.toggle('clamped', clamp > 0);
      el.style.setProperty('--lines', clamp > 0 ? clamp : 'none');
      attr(el, 'role', a.size === 'title' && a.text ? 'heading' : a.live ? 'status' : null);
      attr(el, 'aria-level', a.size === 'title' && a.text ? '2' : null);
      attr(el, 'aria-live', a.live ? 'polite' : null);
      // An amount or a word beside something else is never broken in its middle.
      el.classList.toggle('short', [...(a.text ?? '')].length <= 10);
      setText(el, a.text);
    },
  };
}

/** Draws an image of the package into `holder`; a drawn placeholder where there is none. */
export function picture(holder, ctx) {
  let now;
  return (source, alt) => {
    const src = source ? ctx.image(source) : '';
    const key = `${src}\n${alt ?? ''}`;
    if (key === now) return;
    now = key;
    if (!src) return fill(holder);
    const img = h('img', { alt: alt ?? '', loading: 'lazy', decoding: 'async', draggable: 'false' });
    img.addEventListener('load', () => holder.classList.add('loaded'));
    img.addEventListener('error', () => {
      holder.classList.add('loaded', 'missing');
      fill(holder, symbol('picture', alt));
    });
    holder.classList.remove('loaded', 'missing');
    img.src = src;
    fill(holder, img);
  };
}

export function image(node, ctx) {
  const holder = h('span', { class: 'w-image-box' });
  const el = h('div', { class: 'w-image' }, holder);
  const draw = picture(holder, ctx);
  let button = null;
  return {
    el,
    describes: true,
    update() {
      mark(el, 'shape', word(node.a.shape, ['wide', 'square', 'round', 'banner']));
      mark(el, 'size', word(node.a.size, ['fill', 's', 'm', 'l']));
      draw(node.a.source, node.a.alt || node.a.described || '');
      if (node.on.has('tap') && !button) {
        button = h('button', { class: 'w-image-button', type: 'button', on: { click: () => ctx.fire(node, 'tap') } }, holder);
        el.append(button);
      } else if (!node.on.has('tap') && button) {
        el.append(holder);
        button.remove();
        button = null;
      }
      if (button) attr(button, 'aria-label', node.a.alt || node.a.described);
    },
  };
}

export function icon(node) {
  const el = h('span', { class: 'w-icon' });
  return {
    el,
    describes: true,
    update() {
      mark(el, 'tone', word(node.a.tone, TONES));
      fill(el, symbol(node.a.name, node.a.alt || node.a.described));
    },
  };
}

export function badge(node) {
  const el = h('span', { class: 'w-badge' });
  return {
    el,
    describes: true,
    update() {
      mark(el, 'tone', word(node.a.tone, TONES));
      setText(el, node.a.text);
    },
  };
}
