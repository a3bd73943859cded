// Somebody who walked away leaves nothing behind: a warning that one action answers, then the seat is cleared.

import { h, setText } from './dom.js';
import { t } from './i18n.js';
import { dialog, btn } from './ui.js';
import { person } from './store.js';

const ACTIONS = ['pointerdown', 'keydown', 'wheel', 'touchstart'];
const TELL_MS = 10000;

export class Idle {
  constructor({ idleMs, warnMs, sessions, reset }) {
    this.idleMs = Number(idleMs) || 0;
    this.warnMs = Math.max(20000, Number(warnMs) || 20000);
    this.sessions = sessions;
    this.reset = reset;
    this.last = performance.now();
    this.told = 0;
    this.act = () => this.acted();
    for (const name of ACTIONS) addEventListener(name, this.act, { capture: true, passive: true });
    this.timer = setInterval(() => this.tick(), 1000);
  }

  acted() {
    this.last = performance.now();
    if (this.dialog) return this.stay();
    if (this.last - this.told < TELL_MS) return;
    this.told = this.last;
    for (const session of this.sessions.values()) session.socket?.send({ t: 'stay' });
  }

  // Without a program there is no socket that could warn: the page does it.
  tick() {
    if (this.dialog) return this.count();
    if (!person() || !this.idleMs || this.sessions.size) return;
    const quiet = performance.now() - this.last;
    if (quiet > Math.max(0, this.idleMs - this.warnMs)) this.warn(this.warnMs);
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
    this.told = this.last;
    for (const session of this.sessions.values()) session.socket?.send({ t: 'stay' });
    this.dialog?.close();
    this.dialog = null;
  }

  goneAway() {
    this.dialog?.close();
    this.dialog = null;
    this.end();
    this.reset();
  }

  /** The host ended a program because nobody was there, or reset the seat: this page follows. */
  hostGaveUp(reason) {
    if (reason === 'idle' && performance.now() - this.last < 5000) return;
    this.goneAway();
  }

  end() {
    clearInterval(this.timer);
    for (const name of ACTIONS) removeEventListener(name, this.act, { capture: true });
  }
}
