// What the host draws: its mark, the invitation, people's secret signs.

import { s, h } from './dom.js';
import { pictures } from './signs.js';

/** A finder square of a QR code with a leaf growing out of it. */
export function mark(className = '') {
  return s(
    'svg',
    { class: `mark ${className}`, viewBox: '0 0 48 48', 'aria-hidden': 'true' },
    s('path', { class: 'mark-frame', d: 'M14 10h11v6H16a2 2 0 0 0-2 2v18a2 2 0 0 0 2 2h18a2 2 0 0 0 2-2v-9h6v11a6 6 0 0 1-6 6H14a6 6 0 0 1-6-6V16a6 6 0 0 1 6-6z', 'fill-rule': 'evenodd' }),
    s('rect', { class: 'mark-core', x: 19, y: 23, width: 11, height: 11, rx: 2.5 }),
    s('path', { class: 'mark-leaf', d: 'M27 24c-1-11 5-19 18-21 1 12-6 20-18 21z' }),
    s('path', { class: 'mark-vein', d: 'M26 26 38 10' }),
  );
}

const COLOURS = { j: 'jade', g: 'green', r: 'red', y: 'yellow', b: 'blue', k: 'ink', w: 'white', p: 'plum', o: 'orange', n: 'brown', s: 'stone' };

/** The picture of a secret sign; a drawing made from its name for one that this page does not have. */
export function signPicture(name) {
  const parts = Object.hasOwn(pictures, name) ? pictures[name].split('|').map((part) => [part[0], part.slice(2)]) : pattern(name);
  return s('svg', { class: 'sign', viewBox: '-4 -4 40 40', 'aria-hidden': 'true' }, s('rect', { class: 'sign-ground', x: -4, y: -4, width: 40, height: 40, rx: 10 }), parts.map(([colour, d]) => s('path', { class: `ink-${COLOURS[colour] ?? 'jade'}`, d })));
}

function pattern(name) {
  let seed = 7;
  for (const letter of String(name)) seed = (seed * 31 + letter.codePointAt(0)) >>> 0;
  return [0, 1, 2, 3].map((i) => ['jrbyp'[(seed >> (i * 3)) % 5], `M${((seed >> (i * 2)) % 3) * 8 + 2} ${i * 7 + 2}h${8 + ((seed >> i) % 2) * 8}v6h-${8 + ((seed >> i) % 2) * 8}z`]);
}

const cell = (x, y, w = 1, hh = 1, className = 'hero-cell') => s('rect', { class: className, x: x * 8, y: y * 8, width: w * 8, height: hh * 8, rx: 1.5 });

const finder = (x, y) => [s('rect', { class: 'hero-finder', x: x * 8 + 4, y: y * 8 + 4, width: 48, height: 48, rx: 8 }), s('rect', { class: 'hero-finder-core', x: x * 8 + 16, y: y * 8 + 16, width: 24, height: 24, rx: 4 })];

/** The invitation: a printed code out of which a program grows, and which is bare again when it goes. */
export function hero() {
  const cells = [];
  let seed = 20;
  for (let y = 0; y < 21; y += 1) {
    for (let x = 0; x < 21; x += 1) {
      const corner = (x < 8 && y < 8) || (x > 12 && y < 8) || (x < 8 && y > 12);
      const middle = x > 7 && x < 13 && y > 7 && y < 13;
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      if (!corner && !middle && (seed >> 16) % 5 < 2) cells.push(cell(x, y));
    }
  }
  return h(
    'div',
    { class: 'hero-art', 'aria-hidden': 'true' },
    s(
      'svg',
      { viewBox: '-36 -72 320 300', class: 'hero-svg' },
      s('rect', { class: 'hero-shadow', x: -18, y: -14, width: 204, height: 204, rx: 22 }),
      s('rect', { class: 'hero-paper', x: -20, y: -20, width: 208, height: 208, rx: 22 }),
      s('g', { class: 'hero-code' }, cells, finder(0, 0), finder(14, 0), finder(0, 14)),
      s('line', { class: 'hero-scan', x1: -8, x2: 176, y1: 0, y2: 0 }),
      s(
        'g',
        { class: 'hero-plant' },
        s('path', { class: 'hero-stem', d: 'M84 92C88 60 104 34 132 14' }),
        s('path', { class: 'hero-leaf one', d: 'M92 62C60 62 42 42 42 12c30 2 50 20 50 50z' }),
        s('path', { class: 'hero-leaf two', d: 'M128 18c0-38 26-66 72-72 4 46-26 74-72 72z' }),
        s('path', { class: 'hero-vein', d: 'M92 62 58 28M128 18l46-46' }),
        s('rect', { class: 'hero-seed', x: 66, y: 68, width: 36, height: 36, rx: 9 }),
      ),
      s(
        'g',
        { class: 'hero-card' },
        s('rect', { class: 'hero-card-box', x: 150, y: 44, width: 118, height: 132, rx: 16 }),
        s('path', { class: 'hero-bowl', d: 'M176 98h66c0 20-12 32-24 32h-18c-12 0-24-12-24-32z' }),
        s('path', { class: 'hero-steam', d: 'M194 88c0-8 6-8 6-16M210 88c0-8 6-8 6-16M226 88c0-8 6-8 6-16' }),
        s('rect', { class: 'hero-line', x: 168, y: 144, width: 56, height: 7, rx: 3.5 }),
        s('rect', { class: 'hero-line short', x: 168, y: 157, width: 34, height: 7, rx: 3.500 }),
        s('rect', { class: 'hero-pill', x: 226, y: 146, width: 26, height: 16, rx: 8 }),
      ),
    ),
  );
}
