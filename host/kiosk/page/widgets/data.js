// Widgets that show data.

import { h, s, attr, setText, fill, uid } from '../dom.js';
import { t } from '../i18n.js';
import { icon } from '../icons.js';
import { encode } from '../qr.js';
import { lines } from './common.js';

export function progress(node) {
  const label = h('span', { class: 'w-progress-label', id: uid() });
  const bar = h('span', { class: 'w-progress-fill' });
  const track = h('div', { class: 'w-progress-track', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' }, bar);
  const steps = h('ol', { class: 'w-steps' });
  const el = h('div', { class: 'w-progress' }, label, track, steps);
  return {
    el,
    describes: true,
    update() {
      const names = lines(node.a.steps);
      const known = typeof node.a.value === 'number';
      setText(label, node.a.label);
      label.hidden = !node.a.label;
      track.hidden = names.length > 0;
      steps.hidden = !names.length;
      attr(track, 'aria-labelledby', node.a.label ? label.id : null);
      attr(track, 'aria-label', node.a.label ? null : node.a.described || t('widget.progress'));
      attr(steps, 'aria-label', node.a.label || node.a.described || t('widget.progress'));
      track.classList.toggle('unknown', !known);
      const percent = known ? Math.round(Math.min(1, Math.max(0, node.a.value)) * 100) : null;
      attr(track, 'aria-valuenow', percent === null ? null : String(percent));
      bar.style.setProperty('--part', percent === null ? '' : `${percent}%`);
      const at = Number(node.a.step) || 0;
      fill(
        steps,
        names.map((name, index) => {
          const state = index < at ? 'done' : index === at ? 'now' : 'later';
          return h(
            'li',
            { class: `w-step ${state}`, 'aria-current': state === 'now' ? 'step' : null },
            h('span', { class: 'w-step-dot' }, state === 'done' ? icon('check') : null),
            h('span', { class: 'w-step-name', text: name }),
            state === 'done' ? h('span', { class: 'sr', text: t('widget.step-done') }) : null,
          );
        }),
      );
    },
  };
}

export function factList(node) {
  const el = h('dl', { class: 'w-facts' });
  return {
    el,
    update() {
      const names = lines(node.a.names);
      const values = lines(node.a.values);
      el.classList.toggle('has-total', node.a.total === true);
      fill(
        el,
        names.map((name, index) => h('div', { class: 'w-fact' }, h('dt', { text: name, dir: 'auto' }), h('dd', { text: values[index] ?? '', dir: 'auto' }))),
      );
    },
  };
}

export function table(node) {
  const el = h('div', { class: 'w-table', tabindex: '0', role: 'group' });
  return {
    el,
    describes: true,
    update() {
      const numeric = new Set(String(node.a.numeric ?? '').split(',').filter(Boolean).map(Number));
      const cell = (tag) => (text, index) => h(tag, { class: numeric.has(index) ? 'numeric' : null, scope: tag === 'th' ? 'col' : null, text, dir: 'auto' });
      attr(el, 'aria-label', node.a.label || node.a.described || t('widget.table'));
      fill(
        el,
        h(
          'table',
          {},
          node.a.label ? h('caption', { text: node.a.label }) : null,
          h('thead', {}, h('tr', {}, String(node.a.columns ?? '').split('\t').map(cell('th')))),
          h('tbody', {}, lines(node.a.rows).map((line) => h('tr', {}, line.split('\t').map(cell('td'))))),
        ),
      );
    },
  };
}

/** A QR code as SVG: dark on white in every theme, with its quiet zone. */
export function qrPicture(text, label) {
  const { size, dark } = encode(text);
  let path = '';
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      if (!dark(x, y)) continue;
      let run = 1;
      while (x + run < size && dark(x + run, y)) run += 1;
      path += `M${x + 4} ${y + 4}h${run}v1h-${run}z`;
      x += run;
    }
  }
  return s(
    'svg',
    { class: 'qr', viewBox: `0 0 ${size + 8} ${size + 8}`, role: 'img', 'aria-label': label || t('widget.qr'), 'shape-rendering': 'crispEdges' },
    s('rect', { class: 'qr-light', width: size + 8, height: size + 8 }),
    s('path', { class: 'qr-dark', d: path }),
  );
}

export function qr(node) {
  const box = h('div', { class: 'w-qr-box' });
  const label = h('figcaption', { class: 'w-qr-label' });
  const el = h('figure', { class: 'w-qr' }, box, label);
  return {
    el,
    describes: true,
    update(changed) {
      setText(label, node.a.label);
      label.hidden = !node.a.label;
      if (changed && !changed.has('text') && !changed.has('label')) return;
      try {
        fill(box, qrPicture(String(node.a.text ?? ''), node.a.label || node.a.described));
      } catch {
        fill(box, h('p', { class: 'field-error', text: t('widget.qr-long') }));
      }
    },
  };
}
