// The scanner: camera, picture, typing; each trouble with its own screen.

import { h, fill, s, still } from './dom.js';
import { t } from './i18n.js';
import { icon } from './icons.js';
import { btn, form, problemBox, dialog, empty } from './ui.js';
import { asProblem } from './api.js';
import { Camera, cameraPermission, cameraPossible } from './camera.js';
import { decodeFile } from './decode.js';
import { consentsWay } from './privacy.js';

const TROUBLE = { refused: 'camera-off', absent: 'camera-off', busy: 'camera-off', insecure: 'lock', failed: 'alert' };

/** `onCode(text, {how, ms})` may give a promise; the scanner waits for it. Its rejection is shown as a problem. */
export class Scanner {
  constructor({ onCode, auto = true }) {
    this.onCode = onCode;
    this.auto = auto;
    this.mode = 'camera';
    this.refused = new Map();
    this.video = h('video', { class: 'scan-video', playsinline: true, muted: true, 'aria-hidden': 'true' });
    this.video.muted = true;
    this.outline = s('svg', { class: 'scan-outline', 'aria-hidden': 'true', preserveAspectRatio: 'xMidYMid slice' });
    this.notice = h('div', { class: 'scan-notice', 'aria-live': 'polite' });
    this.view = h('div', { class: 'scan-view' });
    this.file = h('input', { class: 'sr', type: 'file', accept: 'image/*', tabindex: '-1', 'aria-hidden': 'true', on: { change: () => this.picture(this.file.files[0]) } });
    this.tools = h('div', { class: 'scan-tools', role: 'group', 'aria-label': t('scan.title') });
    this.el = h('div', { class: 'scanner' }, this.view, this.notice, this.tools, this.file);
    this.camera = new Camera(this.video, {
      live: (mirrored) => {
        this.video.classList.toggle('mirrored', mirrored);
        this.outline.classList.toggle('mirrored', mirrored);
        this.show('live');
      },
      failed: (reason, detail) => this.show(reason, detail),
      dark: (dark) => this.dark(dark),
      frame: (codes, size) => this.draw(codes, size),
      code: (code, ms) => this.seen(code.text, ms),
    });
    for (const on of ['dragover', 'dragleave', 'drop']) {
      this.el.addEventListener(on, (event) => {
        event.preventDefault();
        this.el.classList.toggle('dropping', on === 'dragover');
        if (on === 'drop') this.picture(event.dataTransfer.files[0]);
      });
    }
    this.begin();
  }

  async begin() {
    this.show(cameraPossible() ? 'ready' : 'insecure');
    if (!this.auto || !cameraPossible()) return;
    const state = await cameraPermission();
    if (!this.ended && this.what === 'ready' && state === 'granted') this.startCamera();
  }

  startCamera() {
    this.mode = 'camera';
    this.show('starting');
    return this.camera.start();
  }

  tool(mode, symbol, label, run) {
    return h('button', { class: 'scan-tool', type: 'button', 'aria-pressed': this.mode === mode ? 'true' : 'false', on: { click: run } }, icon(symbol), h('span', { text: label }));
  }

  drawTools() {
    fill(
      this.tools,
      cameraPossible() ? this.tool('camera', 'camera', t('scan.camera'), () => this.startCamera()) : null,
      this.tool('picture', 'picture', t('scan.upload'), () => this.file.click()),
      this.tool('type', 'keyboard', t('scan.type'), () => {
        this.camera.stop();
        this.mode = 'type';
        this.show('type');
      }),
    );
  }

  show(what, detail) {
    if (this.ended) return;
    this.what = what;
    this.drawTools();
    this.el.dataset.state = what;
    fill(this.notice);
    const frame = h('div', { class: 'scan-frame', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'), h('i'));
    if (what === 'live') return fill(this.view, this.video, this.outline, frame, h('p', { class: 'scan-hint', text: t('scan.hint') }));
    if (what === 'starting') return fill(this.view, this.video, frame, h('p', { class: 'scan-hint', role: 'status', text: t('scan.starting') }));
    if (what === 'reading' || what === 'opening') return fill(this.view, frame, h('div', { class: 'scan-wait', role: 'status' }, h('span', { class: 'spinner' }), h('p', { text: t(`scan.${what}`) })));
    if (what === 'type') {
      fill(
        this.view,
        h(
          'div',
          { class: 'scan-typing' },
          form({
            fields: [{ name: 'code', label: t('scan.typed-label'), hint: t('scan.typed-hint'), max: 512, autofocus: true, autocapitalize: 'characters' }],
            label: t('scan.open'),
            submit: ({ code }) => this.deliver(code.trim(), { how: 'typed' }, true),
          }),
        ),
      );
      return this.view.querySelector('input')?.focus();
    }
    if (what === 'ready') {
      return fill(
        this.view,
        frame,
        h('div', { class: 'scan-ready' }, h('span', { class: 'scan-ready-icon' }, icon('camera')), btn(t('scan.start'), () => this.startCamera(), { tone: 'primary', busyWhile: false }), h('p', { class: 'scan-small', text: t('scan.start-hint') })),
      );
    }
    fill(
      this.view,
      h(
        'div',
        { class: 'scan-trouble', role: 'status' },
        empty(TROUBLE[what] ?? 'alert', t(`scan.${what}`), t(`scan.${what}-d`, { reason: detail ?? '' })),
        what === 'insecure' ? null : btn(t('scan.retry'), () => this.startCamera(), { symbol: 'refresh', busyWhile: false }),
      ),
    );
  }

  dark(on) {
    if (this.what !== 'live') return;
    fill(this.notice, on ? h('div', { class: 'scan-dark' }, icon('moon'), h('div', {}, h('strong', { text: t('scan.dark') }), h('p', { text: t('scan.dark-d') }))) : null);
  }

  draw(codes, { width, height }) {
    this.outline.setAttribute('viewBox', `0 0 ${width} ${height}`);
    fill(
      this.outline,
      codes.map(({ position: p }) => (p ? s('polygon', { points: [p.topLeft, p.topRight, p.bottomRight, p.bottomLeft].map(({ x, y }) => `${x},${y}`).join(' ') }) : null)),
    );
  }

  // What was refused just now is not tried again while it is still before the lens.
  seen(text, ms) {
    if (this.delivering) return;
    const at = this.refused.get(text);
    if (at && performance.now() - at < 4000) return this.refused.set(text, performance.now());
    this.deliver(text, { how: 'camera', ms });
  }

  async deliver(text, how, inForm) {
    if (this.delivering || !text) return;
    this.delivering = true;
    this.camera.stop();
    if (!inForm) {
      navigator.vibrate?.(30);
      this.show('opening');
    }
    try {
      await this.onCode(text, how);
    } catch (error) {
      if (this.ended) return;
      const problem = asProblem(error);
      if (inForm) throw problem;
      this.refused.set(text, performance.now());
      this.trouble(problem);
    } finally {
      this.delivering = false;
    }
  }

  trouble(problem) {
    if (this.ended) return;
    this.show('problem');
    fill(this.view, h('div', { class: 'scan-trouble' }, problemBox(problem, ...[consentsWay(problem)].filter(Boolean), btn(t('retry'), () => this.resume(), { tone: 'primary', busyWhile: false, autofocus: true }))));
    if (!still()) this.view.animate([{ transform: 'translateX(-4px)' }, { transform: 'translateX(4px)' }, { transform: 'none' }], 160);
  }

  resume() {
    if (this.ended) return;
    this.mode = 'camera';
    this.begin();
  }

  pause() {
    this.camera.stop();
  }

  async picture(file) {
    this.file.value = '';
    if (!file || this.delivering) return;
    this.camera.stop();
    this.mode = 'picture';
    this.show('reading');
    let texts;
    try {
      texts = await decodeFile(file);
    } catch (error) {
      return this.trouble(asProblem(error));
    }
    const text = texts.length === 1 ? texts[0] : await choose(texts);
    if (text === null) return this.resume();
    await this.deliver(text, { how: 'picture' });
  }

  end() {
    this.ended = true;
    this.camera.stop();
    this.refused.clear();
    fill(this.view);
    this.el.remove();
  }
}

function choose(texts) {
  return new Promise((resolve) => {
    const take = (text) => {
      it.close();
      resolve(text);
    };
    const it = dialog(
      { title: t('scan.choose', { n: texts.length }), className: 'small', cancel: () => take(null) },
      h('div', { class: 'choices' }, texts.map((text) => h('button', { class: 'choice', type: 'button', on: { click: () => take(text) } }, icon('qr'), h('span', { text, dir: 'ltr' })))),
    );
  });
}
