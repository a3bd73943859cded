// One open program: its socket, its view, what it uses. The stage shows one at a time.

import { h, fill, animate, setText, attr } from './dom.js';
import { t, named, money, moment, language } from './i18n.js';
import { api, Problem } from './api.js';
import { icon } from './icons.js';
import { iconBtn, btn, empty, skeleton, toast } from './ui.js';
import { SessionSocket } from './socket.js';
import { Tree } from './tree.js';
import { Sheets } from './sheet.js';
import { setAccent } from './colour.js';
import { languageSwitch } from './language.js';

const WINDOW_MS = 60000;

export class Session {
  /**
   * `opened` as the host answers; `on`: ended(session, frame), minimise(session), changed(session), inbox(frame), idle(ms), scan(session,
   * ticket), opened(opened), notOpened(problem), back().
   */
  constructor(opened, on) {
    this.id = opened.session;
    this.program = opened.program;
    this.permissions = opened.permissions ?? null;
    this.steps = opened.steps ?? [];
    this.totalUs = opened.totalUs ?? 0;
    this.from = opened.from ?? null;
    this.code = opened.code ?? null;
    this.page = opened.page ?? {};
    this.on = on;
    this.usage = null;
    this.samples = [];
    this.calls = [];
    this.skipped = 0;
    this.opened = performance.now();
    this.build();
    this.tree = new Tree(this.body, {
      image: (path) => `/program/${this.program.digest}/${String(path).split('/').map(encodeURIComponent).join('/')}`,
      send: (id, kind, value) => this.send({ t: 'event', id, kind, value }),
      root: (root, whole) => this.titled(root, whole),
      viewport: () => this.body.getBoundingClientRect(),
    });
    this.sheets = new Sheets(this);
    this.socket = new SessionSocket(this.id, { on: (frame) => this.take(frame), status: (status, detail) => this.status(status, detail) });
  }

  build() {
    const { program } = this;
    this.backButton = iconBtn('back', t('bar.back'), () => this.send({ t: 'back' }), { hidden: true });
    this.homeButton = iconBtn('home', t('bar.home'), () => this.on.minimise(this), { class: 'icon-btn bar-home' });
    this.engineButton = iconBtn('engine', t('bar.engine'), () => this.on.engine(), { class: 'icon-btn bar-engine' });
    this.title = h('h1', { class: 'bar-title', dir: 'auto', text: named(program.name) });
    this.publisher = h('p', { class: 'bar-publisher', dir: 'auto' });
    this.closeButton = iconBtn('close', t('bar.close'), () => this.close(), { class: 'icon-btn bar-close' });
    this.work = h('div', { class: 'bar-work', role: 'status' });
    this.banner = h('div', { class: 'bar-banner', role: 'status' });
    this.allowed = h('ul', { class: 'bar-allowed', 'aria-live': 'polite' });
    this.spending = [];
    this.body = h('main', { class: 'program-body', id: 'main', tabindex: '-1' }, skeleton(5));
    this.el = h(
      'section',
      { class: 'program' },
      h('header', { class: 'program-bar' }, this.backButton, this.homeButton, h('div', { class: 'bar-words' }, this.title, this.publisher), this.engineButton, languageSwitch('bar-language'), this.closeButton, this.work),
      this.allowed,
      this.banner,
      this.body,
    );
    setAccent(this.body, program.accent);
    this.words();
  }

  words() {
    const { program } = this;
    this.el.setAttribute('aria-label', named(program.name));
    setText(this.publisher, `${named(program.name)} · ${named(program.publisher)}`);
    for (const [el, key] of [[this.backButton, 'bar.back'], [this.homeButton, 'bar.home'], [this.engineButton, 'bar.engine'], [this.closeButton, 'bar.close']]) {
      el.setAttribute('aria-label', t(key));
      el.title = t(key);
    }
    if (!this.tree?.root) setText(this.title, named(program.name));
  }

  titled(root, whole) {
    setText(this.title, root.a.title || named(this.program.name));
    if (whole && !this.painted) {
      this.painted = true;
      this.page.paintUs = (performance.now() - this.opened) * 1000;
      this.unfold();
    }
    this.on.changed(this);
  }

  /** Gives the focus to the program where nothing has it. */
  keepFocus() {
    if (this.shown && (document.activeElement ?? document.body) === document.body) this.body.focus({ preventScroll: true });
  }

  async unfold() {
    await animate(this.body, [{ clipPath: 'inset(38% 38% 38% 38% round 28px)', opacity: 0.2 }, { clipPath: 'inset(0 0 0 0 round 0)', opacity: 1 }], 240);
  }

  send(frame) {
    const id = this.socket.event(frame);
    this.working();
    return id;
  }

  // Only what takes longer than a blink says that it is under way.
  working() {
    clearTimeout(this.workTimer);
    const busy = this.socket.pending.size > 0;
    if (!busy) return this.work.classList.remove('on');
    this.workTimer = setTimeout(() => this.work.classList.toggle('on', this.socket?.pending.size > 0), 350);
  }

  take(frame) {
    if (frame.t === 'full' || frame.t === 'patch') {
      const path = frame.path;
      const held = this.body.contains(document.activeElement);
      if (frame.t === 'full') this.tree.full(frame.tree);
      else if (!this.tree.patch(frame.ops)) return false;
      this.backButton.hidden = !(frame.depth > 1);
      if (this.path !== undefined && (path !== this.path || frame.depth !== this.depth)) {
        this.body.scrollTop = 0;
        if (!this.body.contains(document.activeElement)) this.body.focus({ preventScroll: true });
        animate(this.body, [{ opacity: 0.4, transform: `translateX(${frame.depth >= this.depth ? 12 : -12}px)` }, { opacity: 1, transform: 'none' }], 160);
      }
      // Who goes by keyboard or by ear stays in the program when what they were at is gone.
      if (held) this.keepFocus();
      this.path = path;
      this.depth = frame.depth;
      return true;
    }
    if (frame.t === 'ack') {
      this.tree.acked(frame.eventId, frame.applied);
      this.working();
    } else if (frame.t === 'usage') this.used(frame);
    else if (frame.t === 'call') this.called(frame);
    else if (frame.t === 'sheet') this.sheets.open(frame.sheet, frame.problem ?? frame.sheet?.problem);
    else if (frame.t === 'sheet-gone') {
      const { now } = this.sheets;
      const where = now?.sheet.id === frame.id ? now.sheet.kind : undefined;
      this.sheets.gone(frame.id);
      if (frame.problem) this.on.notOpened(new Problem(frame.problem, { where }));
    } else if (frame.t === 'inbox') this.on.inbox(frame, this);
    else if (frame.t === 'scan') this.on.scan(this, frame.ticket);
    else if (frame.t === 'idle') this.on.idle(frame.inMs);
    else if (frame.t === 'spending') {
      // Their clocks may differ.
      this.spending = frame.spending.map((one) => ({ ...one, over: performance.now() + one.inMs }));
      this.drawSpending();
    } else if (frame.t === 'opened') this.on.opened(frame.opened);
    else if (frame.t === 'not-opened') this.on.notOpened(new Problem(frame.problem, { where: 'open' }));
    else if (frame.t === 'ended') this.finish(frame);
    return true;
  }

  // What may be paid here with a tap only, and a way to end it.
  drawSpending() {
    clearTimeout(this.spendingTimer);
    const stands = this.spending.filter(({ over }) => over > performance.now());
    fill(
      this.allowed,
      stands.map((one) =>
        h('li', {}, icon('shield'), h('span', { dir: 'auto', text: t('spending.stands', { payee: one.payee, left: money(one.left, one.currency), until: moment(one.until) }) }), btn(t('spending.end'), () => this.socket.send({ t: 'endSpending', id: one.id }), { tone: 'quiet', busyWhile: false })),
      ),
    );
    if (stands.length) this.spendingTimer = setTimeout(() => this.drawSpending(), Math.max(500, Math.min(...stands.map(({ over }) => over)) - performance.now()));
  }

  used(frame) {
    const now = performance.now();
    const last = this.samples.at(-1);
    const cpu = last ? Math.max(0, ((frame.cpuUs - this.usage.cpuUs) / Math.max(1, (now - last.at) * 1000)) * 100) : 0;
    this.usage = frame;
    this.samples.push({ at: now, memory: frame.memoryBytes, cpu, cpuUs: frame.cpuUs });
    while (this.samples.length > 2 && this.samples[1].at < now - WINDOW_MS) this.samples.shift();
    this.on.changed(this);
  }

  called(frame) {
    this.calls.unshift({ ...frame, at: performance.now() });
    this.calls.length = Math.min(this.calls.length, 40);
    this.skipped += Number(frame.skipped) || 0;
    this.on.changed(this);
  }

  status(status, detail) {
    clearTimeout(this.lostTimer);
    if (status === 'open') {
      // What this program opened meanwhile is known to the host only.
      if (this.lost) this.on.back();
      if (this.lost) toast({ symbol: 'check', title: t('net.back'), tone: 'good', ms: 2500 });
      this.lost = false;
      fill(this.banner);
      this.el.classList.remove('is-lost');
      this.on.changed(this);
      return;
    }
    if (status === 'gone') return this.moved(detail);
    // A socket that comes back at once is nobody's business.
    this.lostTimer = setTimeout(() => {
      this.lost = true;
      this.el.classList.add('is-lost');
      fill(this.banner, h('div', { class: 'banner' }, icon('unplug'), h('span', { text: t('program.lost') }), btn(t('net.retry'), () => this.socket.retryNow(), { tone: 'quiet', busyWhile: false })));
    }, detail.tries > 1 ? 0 : 700);
    if (!detail.opened && detail.tries >= 2) this.stillThere();
  }

  // A socket that is refused while the host answers: the session has ended while nobody looked.
  async stillThere() {
    const state = await api.state().catch(() => null);
    if (!state || !this.socket || state.sessions.some(({ session }) => session === this.id)) return;
    this.finish({ t: 'ended', reason: 'gone', fault: null, receipt: null });
  }

  moved(code) {
    if (code === 4004) return this.finish({ t: 'ended', reason: 'gone', fault: null, receipt: null });
    this.sheets.clear();
    fill(
      this.banner,
      h('div', { class: 'cover-screen' }, empty('share', t('program.moved'), t('program.moved-d'), btn(t('program.take-back'), () => {
        fill(this.banner);
        this.socket.reopen();
      }, { tone: 'primary', busyWhile: false }))),
    );
  }

  show(shown) {
    this.shown = shown;
    this.socket?.visible(shown);
    this.sheets?.shown(shown);
  }

  close() {
    this.closing = true;
    this.closeButton.disabled = true;
    this.work.classList.add('on');
    if (this.socket.ws?.readyState !== WebSocket.OPEN) this.socket.retryNow();
    this.socket.send({ t: 'close' });
    this.closeTimer = setTimeout(() => {
      this.closeButton.disabled = false;
    }, 3000);
  }

  relanguage() {
    this.words();
    attr(this.body, 'lang', language() === 'zh' ? 'zh-CN' : 'en');
    this.socket?.reopen();
  }

  finish(frame) {
    if (this.over) return;
    this.over = true;
    this.stop();
    this.on.ended(this, frame);
  }

  /** Forgets everything of the program that this page holds. */
  stop() {
    clearTimeout(this.workTimer);
    clearTimeout(this.lostTimer);
    clearTimeout(this.closeTimer);
    clearTimeout(this.spendingTimer);
    this.socket?.end();
    this.sheets?.clear();
    this.tree?.destroy();
    this.calls = [];
    this.samples = [];
  }
}
