// Somebody who walked away leaves nothing behind: a warning that one action answers, then the seat is cleared.

import { h, setText } from './dom.js';
import { t } from './i18n.js';
import { dialog, btn } from './ui.js';
import { api } from './api.js';
import { person } from './store.js';

const ACTIONS = ['pointerdown', 'keydown', 'wheel', 'touchstart'];
const TELL_MS = 10000;
/** Least time to answer a warning (WCAG 2.2.1), where the seat may be quiet for twice as long. */
const WARN_MS = 20000;

export class Idle {
  constructor({ idleMs, warnMs, sessions, reset }) {
    this.times({ idleMs, warnMs });
    this.sessions = sessions;
    this.reset = reset;
    this.last = performance.now();
    this.told = 0;
    this.act = () => this.acted();
    for (const name of ACTIONS) addEventListener(name, this.act, { capture: true, passive: true });
    this.timer = setInterval(() => this.tick(), 1000);
  }

  times({ idleMs, warnMs }) {
    this.idleMs = Number(idleMs) || 0;
    this.warnMs = Math.min(this.idleMs / 2, Math.max(WARN_MS, Number(warnMs) || 0));
  }

  acted() {
    this.last = performance.now();
    if (this.dialog) return this.stay();
    if (person() && this.last - this.told >= TELL_MS) this.tell();
  }

  // Without a program there is no socket that could warn: the page does it.
  tick() {
    if (this.dialog) return this.count();
    if (!person() || !this.idleMs || this.sessions.size) return;
    const quiet = performance.now() - this.last;
    if (quiet > this.idleMs - this.warnMs) this.warn(this.warnMs);
  }

  warn(ms) {
    this.deadline = performance.now() + ms;
    if (this.dialog) return;
    this.number = h('strong', { class: 'idle-number', 'aria-hidden': 'true' });
    this.words = h('p', { class: 'dialog-lead' });
    this.ring = h('div', { class: 'idle-ring' }, this.number);
    this.total = ms;
    this.dialog = dialog({ title: t('idle.title'), className: 'small idle', cancel: () => this.stay(), alert: true }, this.ring, this.words, h('div', { class: 'dialog-actions' }, btn(t('idle.stay'), () => this.stay(), { tone: 'primary', wide: true, autofocus: true })));
    setText(this.words, t('idle.d', { n: Math.ceil(ms / 1000) }));
    this.count();
  }

  count() {
    const left = Math.max(0, this.deadline - performance.now());
    setText(this.number, Math.ceil(left / 1000));
    this.ring.style.setProperty('--left', `${((left / this.total) * 100).toFixed(1)}%`);
    // The host ends programs itself; the page clears the seat.
    if (left <= 0) this.goneAway();
  }

  stay() {
    this.last = performance.now();
    this.tell();
    this.dialog?.close();
    this.dialog = null;
  }

  /** Somebody sat down: a phone may be quiet for longer than the kiosk. */
  seated() {
    this.last = performance.now();
    this.tell();
  }

  // The host ends seats that nobody touches, also those without a program.
  tell() {
    this.told = performance.now();
    for (const session of this.sessions.values()) session.socket?.send({ t: 'stay' });
    if (this.sessions.size) return;
    api.stay().then(
      (times) => this.times(times),
      (error) => error.code === 'no-person' && person() && this.goneAway(),
    );
  }

  /** Nobody was there, or the seat was reset: this page forgets the person. */
  goneAway() {
    this.dialog?.close();
    this.dialog = null;
    this.end();
    this.reset();
  }

  end() {
    clearInterval(this.timer);
    for (const name of ACTIONS) removeEventListener(name, this.act, { capture: true });
  }
}
