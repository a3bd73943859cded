// The start: the invitation beside the stage, and what is installed.

import { h, fill, still, attr } from './dom.js';
import { t, named, setLanguage } from './i18n.js';
import { icon } from './icons.js';
import { empty } from './ui.js';
import { hero } from './art.js';
import { person } from './store.js';
import { personCard, whoIs } from './person.js';
import { setAccent } from './colour.js';

export { setLanguage };

const STEPS = 3;
const STEP_MS = 4500;

/** The invitation: three pictures of one drawing, each with its words. It can be paused, and stands where motion is not wanted. */
export class Invitation {
  constructor() {
    this.el = h('section', { class: 'hero' });
    this.at = 0;
    this.paused = still();
    this.draw();
    this.timer = setInterval(() => !this.paused && !document.hidden && this.go(this.at + 1), STEP_MS);
  }

  draw() {
    this.art = hero();
    this.play = h('button', { class: 'icon-btn hero-pause', type: 'button', on: { click: () => this.pause(!this.paused) } });
    this.steps = h(
      'ol',
      { class: 'hero-steps' },
      Array.from({ length: STEPS }, (_, index) => h('li', {}, h('span', { class: 'hero-number', text: index + 1 }), h('div', {}, h('h3', { text: t(`hero.s${index + 1}`) }), h('p', { text: t(`hero.s${index + 1}d`) })))),
    );
    fill(this.el, h('div', { class: 'hero-words' }, h('h1', { class: 'hero-title', text: t('hero.title') }), h('p', { class: 'hero-lead', text: t('hero.lead') })), h('div', { class: 'hero-stage' }, this.art, this.play), this.steps);
    this.pause(this.paused);
    this.go(this.at);
  }

  pause(on) {
    this.paused = on;
    fill(this.play, icon(on ? 'play' : 'pause'));
    attr(this.play, 'aria-label', t(on ? 'hero.play' : 'hero.pause'));
    this.play.title = t(on ? 'hero.play' : 'hero.pause');
    this.el.classList.toggle('paused', on);
  }

  go(step) {
    this.at = step % STEPS;
    this.art.dataset.step = this.paused && still() ? '2' : String(this.at);
    [...this.steps.children].forEach((li, index) => li.classList.toggle('now', index === this.at));
  }

  end() {
    clearInterval(this.timer);
  }
}

/** Installed programs as a grid; those that run carry a mark. */
export function programGrid(programs, running, open) {
  if (!programs.length) return empty('package', t('programs.none'), t('programs.none-d'));
  return h(
    'ul',
    { class: 'apps' },
    programs.map((program) => {
      const live = running.has(program.id);
      const tile = h('span', { class: 'app-icon' }, appIcon(program));
      const button = h(
        'button',
        { class: 'app', type: 'button', on: { click: () => open(program) } },
        tile,
        h('span', { class: 'app-words' }, h('span', { class: 'app-name', text: named(program.name), dir: 'auto' }), h('span', { class: 'app-about', text: named(program.description), dir: 'auto' })),
        live ? h('span', { class: 'app-live', text: t('programs.running') }) : null,
      );
      setAccent(tile, program.accent);
      return h('li', {}, button);
    }),
  );
}

/** The icon of a program; a letter where it has none. */
export function appIcon(program) {
  const letter = () => h('span', { class: 'app-letter', 'aria-hidden': 'true', text: [...(named(program.name) || '·')][0] });
  if (!program.icon) return letter();
  const img = h('img', { alt: '', src: `/program/${program.digest}/${program.icon.split('/').map(encodeURIComponent).join('/')}`, draggable: 'false' });
  img.addEventListener('error', () => img.replaceWith(letter()));
  return img;
}

/** What stands beside the stage. */
export function rail({ invitation, programs, running, open, inbox, chats, leave }) {
  const who = person();
  return [
    who ? personCard({ inbox, chats, leave }) : invitation.el,
    h('section', { class: 'programs' }, h('h2', { class: 'rail-title', text: t('programs.title') }), programGrid(programs, running, open)),
  ];
}

/** The page that a phone's camera opens: one tap to be a visitor and there. */
export const arrival = (done) => h('main', { class: 'arrival', id: 'main' }, h('div', { class: 'arrival-art' }, hero()), h('h1', { class: 'hero-title', text: t('who.arrive') }), whoIs({ lead: t('who.arrive-d'), done, focus: true }));
