// Small plots as SVG: a line over the last minute, parts of a time, two bars on one scale.

import { h, s, fill, setText } from './dom.js';

/** A line over time. `update(points, now, format)`: points are [ms, value], steps between them. */
export function sparkline({ label, windowMs = 60000, binary = false }) {
  const area = s('path', { class: 'plot-area' });
  const line = s('path', { class: 'plot-line' });
  const top = h('span', { class: 'plot-top' });
  const value = h('strong', { class: 'plot-value' });
  const note = h('span', { class: 'plot-note' });
  const name = h('span', { class: 'plot-name', text: label });
  const svg = s('svg', { class: 'plot-svg', viewBox: '0 0 300 64', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, s('path', { class: 'plot-grid', d: 'M0 1H300M0 32H300M0 63H300' }), area, line);
  const el = h('div', { class: 'plot' }, h('div', { class: 'plot-head' }, name, note, value), h('div', { class: 'plot-box' }, svg, top));
  return {
    el,
    name: (text) => setText(name, text),
    update(points, now, { format, text, detail, least = 1 }) {
      setText(value, text);
      setText(note, detail ?? '');
      const peak = Math.max(least, ...points.map(([, v]) => v));
      const most = binary ? 2 ** Math.ceil(Math.log2(peak)) : nice(peak);
      setText(top, format(most));
      if (!points.length) {
        line.setAttribute('d', '');
        area.setAttribute('d', '');
        return;
      }
      const x = (at) => Math.max(0, 300 - ((now - at) / windowMs) * 300).toFixed(1);
      const y = (v) => (63 - (v / most) * 60).toFixed(1);
      let d = `M${x(points[0][0])} ${y(points[0][1])}`;
      for (const [at, v] of points.slice(1)) d += `H${x(at)}V${y(v)}`;
      d += 'H300';
      line.setAttribute('d', d);
      area.setAttribute('d', `${d}V64H${x(points[0][0])}Z`);
    },
  };
}

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const part = value / power;
  return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10) * power;
}

/** A strip of time: parts as long as they took, and a list that names them. `parts`: [name, µs, group]. */
export function strip(parts, { format, label }) {
  const total = parts.reduce((sum, [, us]) => sum + us, 0) || 1;
  const bar = h('div', { class: 'strip-bar', 'aria-hidden': 'true' });
  const list = h('ol', { class: 'strip-list', 'aria-label': label });
  parts.forEach(([name, us], index) => {
    const tint = `tint-${index % 6}`;
    const part = h('span', { class: `strip-part ${tint}` });
    part.style.setProperty('flex-grow', String(Math.max(us / total, 0.004)));
    bar.append(part);
    list.append(h('li', {}, h('i', { class: `strip-dot ${tint}`, 'aria-hidden': 'true' }), h('span', { text: name }), h('b', { text: format(us) })));
  });
  return h('div', { class: 'strip' }, bar, list);
}

/** Bars on one scale with their values. `rows`: [name, value]. */
export function bars(rows, { format, label }) {
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const el = h('dl', { class: 'bars', 'aria-label': label });
  for (const [name, value] of rows) {
    const fillEl = h('span', { class: 'bar-fill' });
    fillEl.style.setProperty('--part', `${((value / most) * 100).toFixed(1)}%`);
    el.append(h('div', { class: 'bar-row' }, h('dt', { text: name }), h('dd', {}, h('span', { class: 'bar-track', 'aria-hidden': 'true' }, fillEl), h('b', { text: format(value) }))));
  }
  return fill(h('div'), el).firstChild;
}
