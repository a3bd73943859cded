// Launch conditions: what a scan, a link or another person would bring; and the code for phones.

import { h, fill, uid } from '/assets/dom.js';
import { btn } from '/assets/ui.js';
import { w } from './words.js';

const PEOPLE = ['visitor', 'stranger', 'staff', 'broke'];
const STATES = ['kept', 'fresh', 'given'];

export class Launcher {
  constructor({ launch }) {
    this.launch = launch;
    this.values = null;
    this.pages = [];
    this.code = '';
    this.svg = '';
    this.el = h('div', { class: 'dev-launch' });
  }

  run(frame) {
    this.values ??= frame.conditions;
    this.pages = frame.pages ?? this.pages;
    const news = frame.code && frame.code !== this.code;
    this.code = frame.code ?? this.code;
    this.svg = frame.svg ?? this.svg;
    // What somebody is typing stays.
    if (news || !this.el.firstChild) this.words();
  }

  again() {
    this.launch(this.values);
  }

  words() {
    if (!this.values) return fill(this.el);
    const field = (name, control) => {
      control.id = uid();
      control.addEventListener('input', () => {
        this.values[name] = control.type === 'number' ? Number(control.value) || 0 : control.value;
        this.given.hidden = this.values.state !== 'given';
      });
      return h('div', { class: 'field' }, h('label', { class: 'field-label', for: control.id, text: w(name) }), control);
    };
    const text = (name, props) => {
      const input = h('input', { class: 'input', type: 'text', autocomplete: 'off', spellcheck: 'false', ...props });
      input.value = this.values[name];
      return field(name, input);
    };
    const choice = (name, options, label) => {
      const select = h('select', { class: 'input' }, options.map((value) => h('option', { value, text: label(value) })));
      select.value = this.values[name];
      return field(name, select);
    };
    this.given = h('div', { class: 'dev-given' });
    this.given.hidden = this.values.state !== 'given';
    const languages = ['zh-CN', 'en'];
    const form = h(
      'form',
      { class: 'dev-form' },
      choice('page', ['', ...this.pages], (value) => value || '—'),
      h('div', { class: 'dev-pair' }, text('query', { placeholder: 'table=7' }), text('scene', { placeholder: 'T7', maxlength: '12' })),
      h('div', { class: 'dev-pair' }, choice('person', PEOPLE, (value) => w(`person.${value}`)), choice('language', languages, (value) => (value === 'en' ? 'English' : '中文'))),
      choice('state', STATES, (value) => w(`state.${value}`)),
      this.given,
      btn(w('launch'), null, { submit: true, tone: 'primary', wide: true }),
    );
    fill(this.given, text('schema', { type: 'number', min: '0' }), text('saved'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.again();
    });
    const local = /\/\/(localhost|127\.)/i.test(this.code);
    fill(
      this.el,
      h('section', { class: 'dev-code' }, picture(this.svg), h('div', {}, h('p', { text: w(local ? 'scan-local' : 'scan') }), local ? h('code', { class: 'command', text: 'youji dev --lan' }) : null, h('code', { text: this.code }))),
      h('section', {}, h('h2', { class: 'rail-title', text: w('conditions') }), form),
    );
  }
}

// The host draws the code; as a picture it can be nothing else.
function picture(svg) {
  return svg ? h('img', { class: 'dev-qr', alt: '', src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` }) : null;
}
