// What the program does: host calls, logs, events, the view tree, permissions, data, cost.

import { h, fill, setText } from '/assets/dom.js';
import { bytes, micros, money, moment } from '/assets/i18n.js';
import { btn, empty } from '/assets/ui.js';
import { strip, sparkline } from '/assets/plot.js';
import { w } from './words.js';

const TABS = ['calls', 'logs', 'events', 'tree', 'permissions', 'data', 'cost'];
const KEPT = 400;
const WINDOW_MS = 60000;

const short = (value) => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '{}' || text === '[]' ? '' : text;
};

export class Inspector {
  constructor({ send, recording }) {
    this.send = send;
    this.recording = recording;
    this.tab = 'calls';
    this.entries = { calls: [], logs: [], events: [] };
    this.session = '';
    this.first = 0;
    this.data = null;
    this.parts = [];
    this.steps = [];
    this.samples = [];
    this.sizes = [];
    this.tabs = h('div', { class: 'dev-tabs', role: 'tablist' });
    this.body = h('div', { class: 'dev-body', role: 'tabpanel', tabindex: '0' });
    this.el = h('aside', { class: 'engine dev-inspector' }, this.tabs, this.body);
  }

  words() {
    fill(this.tabs, TABS.map((tab) => h('button', { type: 'button', role: 'tab', 'aria-selected': String(tab === this.tab), text: w(`tab.${tab}`), on: { click: () => this.open(tab) } })));
    this.draw();
  }

  open(tab) {
    this.tab = tab;
    if (tab === 'permissions' || tab === 'data') this.send({ t: 'look' });
    this.words();
  }

  run(frame) {
    this.session = frame.session ?? '';
    this.steps = frame.steps ?? [];
    this.samples = [];
    this.sizes = [];
    this.root = null;
    if (this.tab === 'permissions' || this.tab === 'data') this.send({ t: 'look' });
    this.draw();
  }

  build(frame) {
    this.parts = frame.parts ?? [];
    if (this.tab === 'cost') this.draw();
  }

  seen(frame) {
    this.first ||= frame.atUs;
    const list = frame.what === 'call' ? 'calls' : frame.what === 'log' ? 'logs' : 'events';
    const all = this.entries[list];
    all.push(frame);
    if (all.length > KEPT) all.shift();
    if (this.tab === list) this.append(frame);
    if ((this.tab === 'permissions' || this.tab === 'data') && (frame.what === 'call' || frame.code === 'completed')) this.later();
    if (frame.what === 'view' && frame.session === this.session) {
      this.sizes.push(frame);
      if (this.sizes.length > 60) this.sizes.shift();
      if (this.tab === 'cost') this.later();
    }
  }

  // Not for each of many: once they are over.
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.tab === 'cost' ? this.draw() : this.send({ t: 'look' })), 150);
  }

  look(frame) {
    this.data = frame;
    if (this.tab === 'permissions' || this.tab === 'data') this.draw();
  }

  view(run, frame) {
    this.shown = run;
    this.path = frame.path;
    if (this.tab === 'tree') this.draw();
  }

  usage(frame) {
    const now = performance.now();
    const last = this.samples.at(-1);
    const cpu = last ? Math.max(0, ((frame.cpuUs - last.cpuUs) / Math.max(1, (now - last.at) * 1000)) * 100) : 0;
    this.samples.push({ at: now, memory: frame.memoryBytes, cpu, cpuUs: frame.cpuUs });
    while (this.samples.length > 2 && this.samples[1].at < now - WINDOW_MS) this.samples.shift();
    if (this.tab === 'cost') this.live();
  }

  draw() {
    const draw = { calls: () => this.list('calls'), logs: () => this.list('logs'), events: () => this.list('events'), tree: () => this.tree(), permissions: () => this.permissions(), data: () => this.stored(), cost: () => this.cost() };
    draw[this.tab]();
  }

  // Lists: newest last, scrolled along unless somebody looks at earlier ones.

  list(name) {
    this.rows = h('ol', { class: 'dev-list' });
    const address = this.recording();
    const tools = h('div', { class: 'dev-tools' }, btn(w('clear'), () => this.clear(name), { tone: 'quiet', busyWhile: false }), name === 'events' && address ? h('a', { class: 'btn tone-quiet', href: address, download: 'session.youji.jsonl', title: w('record-d') }, h('span', { class: 'btn-label', text: w('record') })) : null);
    this.none = empty('list', w(name === 'calls' ? 'empty-calls' : name === 'logs' ? 'empty-logs' : 'empty'));
    fill(this.body, tools, this.none, this.rows);
    for (const entry of this.entries[name]) this.rows.append(this.row(entry));
    this.none.hidden = this.rows.children.length > 0;
    this.body.scrollTop = this.body.scrollHeight;
  }

  clear(name) {
    this.entries[name] = [];
    this.draw();
  }

  append(entry) {
    const atEnd = this.body.scrollHeight - this.body.scrollTop - this.body.clientHeight < 40;
    this.rows.append(this.row(entry));
    while (this.rows.children.length > KEPT) this.rows.firstChild.remove();
    this.none.hidden = true;
    if (atEnd) this.body.scrollTop = this.body.scrollHeight;
  }

  row(entry) {
    const when = h('time', { class: 'dev-when', text: `${((entry.atUs - this.first) / 1e6).toFixed(3)}` });
    const where = entry.session === this.session || !this.session ? null : h('span', { class: 'dev-where', text: entry.session.slice(0, 4) });
    if (entry.what === 'call') {
      return h(
        'li',
        { class: entry.ok ? '' : 'bad' },
        h('details', {}, h('summary', {}, when, where, h('b', { text: entry.name }), h('span', { class: 'dev-brief', text: short(entry.arguments) }), h('i', { text: entry.ok ? micros(entry.us) : entry.answer.code })), h('pre', { text: `${JSON.stringify(entry.arguments, null, 2)}\n→ ${JSON.stringify(entry.answer, null, 2)}` })),
      );
    }
    if (entry.what === 'log') return h('li', { class: `log-${entry.level}` }, when, where, h('b', { text: entry.level }), h('span', { class: 'dev-message', dir: 'auto', text: entry.message }));
    return h('li', { class: entry.fault ? 'bad' : '' }, h('details', {}, h('summary', {}, when, where, h('b', { text: entry.code ?? entry.what }), h('span', { class: 'dev-brief', text: brief(entry) }), entry.us === undefined ? null : h('i', { text: micros(entry.us) })), h('pre', { text: JSON.stringify(rest(entry), null, 2) })));
  }

  // The tree as the host keeps it, after each change.

  tree() {
    const { root } = this.shown?.tree ?? {};
    if (!root) return fill(this.body, empty('list', w('empty')));
    const open = new Set([...this.body.querySelectorAll('details:not([open])')].map((el) => el.dataset.id));
    let count = 0;
    const node = (one) => {
      count += 1;
      const attributes = Object.entries(one.a).map(([name, value]) => h('span', { class: 'dev-attribute' }, `${name}=`, h('q', { text: String(value) })));
      const head = [h('b', { text: one.kind }), h('small', { text: `#${one.id}` }), attributes, one.on.size ? h('em', { text: [...one.on].join(' ') }) : null];
      const over = { on: { mouseenter: () => one.view.el.classList.add('dev-marked'), mouseleave: () => one.view.el.classList.remove('dev-marked') } };
      if (!one.children.length) return h('div', { class: 'dev-leaf', ...over }, head);
      return h('details', { 'data-id': String(one.id), open: !open.has(String(one.id)) }, h('summary', over, head), one.children.map(node));
    };
    const drawn = node(root);
    fill(this.body, h('p', { class: 'dev-note', text: `${this.path} · ${count} ${w('nodes')}` }), h('div', { class: 'dev-tree' }, drawn));
  }

  permissions() {
    if (!this.data) return fill(this.body, empty('shield', w('empty')));
    const rows = this.data.permissions.map(({ name, reason, state }) =>
      h('li', { class: 'dev-permission' }, h('div', {}, h('b', { text: name }), h('p', { dir: 'auto', text: reason }), h('p', { class: `dev-state is-${state}`, text: w(`permission.${state}`) })), state === 'granted' ? btn(w('revoke'), () => this.send({ t: 'consent', scope: name, granted: false }), { busyWhile: false }) : state === 'denied' ? btn(w('grant'), () => this.send({ t: 'consent', scope: name, granted: true }), { busyWhile: false }) : null),
    );
    fill(this.body, rows.length ? h('ul', { class: 'dev-list' }, rows) : empty('shield', w('none')));
  }

  // Storage can be edited; the rest is what the services hold.

  stored() {
    const { data } = this;
    if (!data) return fill(this.body, empty('list', w('empty')));
    const part = (title, ...content) => h('section', { class: 'dev-part' }, h('h3', { text: title }), content);
    const none = (text) => h('p', { class: 'dev-note', text });
    const storage = data.storage === null ? none(w('no-storage')) : [h('ul', { class: 'dev-list' }, data.storage.map((row) => this.key(row))), this.adding()];
    const records = data.records === null ? none(w('no-records')) : data.records.map(({ collection, rows, problem }) => h('div', {}, h('h4', { text: `${collection} (${rows.length})` }), problem ? none(problem) : null, h('ul', { class: 'dev-list' }, rows.map((row) => h('li', {}, h('details', {}, h('summary', {}, h('b', { text: row.key }), h('span', { class: 'dev-brief', text: row.value }), h('i', { text: `v${row.version}` })), h('pre', { text: `${row.value}\n${JSON.stringify(row.stamps, null, 2)}` }))))))); 
    const line = (strong, text, at) => h('li', {}, h('b', { dir: 'auto', text: strong }), h('span', { class: 'dev-message', dir: 'auto', text }), h('i', { text: moment(at) }));
    fill(
      this.body,
      h('div', { class: 'dev-tools' }, btn(w('refresh'), () => this.send({ t: 'look' }), { tone: 'quiet', busyWhile: false })),
      part(w('storage'), storage),
      part(w('records'), records),
      part(w('payments'), none(`${w('balance')}: ${money(data.balance, data.currency)}`), none(w('payments-d')), h('ul', { class: 'dev-list' }, data.payments.map((one) => line(one.amount, `${one.payee} ${one.purpose}`, one.at)))),
      part(w('messages'), data.messages.length ? h('ul', { class: 'dev-list' }, data.messages.map((one) => line(one.title, one.text, one.at))) : none(w('empty'))),
    );
  }

  key({ key, value, bytes: size }) {
    const edit = () => {
      const input = h('textarea', { class: 'input', rows: '3', 'aria-label': `${w('value')} ${key}` });
      input.value = value;
      fill(row, h('b', { text: key }), input, btn(w('save'), () => this.send({ t: 'store', key, value: input.value }), { busyWhile: false }));
      input.focus();
    };
    const row = h('li', { class: 'dev-key' }, h('b', { text: key }), h('span', { class: 'dev-message', text: value }), h('i', { text: bytes(size) }), btn(w('edit'), edit, { tone: 'quiet', busyWhile: false }), btn(w('remove'), () => this.send({ t: 'store', key, value: null }), { tone: 'quiet', busyWhile: false }));
    return row;
  }

  adding() {
    const key = h('input', { class: 'input', placeholder: w('key'), 'aria-label': w('key') });
    const value = h('input', { class: 'input', placeholder: w('value'), 'aria-label': w('value') });
    const form = h('form', { class: 'dev-pair' }, key, value, btn(w('add'), null, { submit: true }));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (key.value) this.send({ t: 'store', key: key.value, value: value.value });
    });
    return form;
  }

  cost() {
    this.memory = sparkline({ label: w('memory'), binary: true });
    this.cpu = sparkline({ label: w('cpu') });
    const part = (title, ...content) => h('section', { class: 'dev-part' }, h('h3', { text: title }), content);
    fill(
      this.body,
      h('div', { class: 'engine-plots' }, this.memory.el, this.cpu.el),
      this.parts.length ? part(w('build-time'), strip(this.parts.filter(([, us]) => us >= 1000), { format: micros, label: w('build-time') })) : null,
      this.steps.length ? part(w('timeline'), strip(this.steps, { format: micros, label: w('timeline') })) : null,
      part(w('patches'), h('ul', { class: 'dev-list' }, this.sizes.slice(-12).map((one) => h('li', {}, h('b', { text: one.kind === 'full' ? w('view.full') : one.kind === 'none' ? w('same') : `${one.count} ${w('ops')}` }), h('span', { class: 'dev-message', text: bytes(one.bytes) }), h('i', { text: micros(one.us) }))))),
    );
    this.live();
  }

  live() {
    if (!this.memory) return;
    const last = this.samples.at(-1);
    const now = performance.now();
    this.memory.update(this.samples.map(({ at, memory }) => [at, memory]), now, { text: bytes(last?.memory ?? 0), format: bytes, least: 1 << 16 });
    this.cpu.update(this.samples.map(({ at, cpu }) => [at, cpu]), now, { text: `${(last?.cpu ?? 0).toFixed(1)} %`, format: (v) => `${v} %`, least: 10 });
    setText(this.memory.el.querySelector('.plot-name'), w('memory'));
  }
}

const rest = ({ t: _t, n: _n, atUs: _at, session: _session, what: _what, ...more }) => more;

function brief(entry) {
  if (entry.what === 'view') return entry.kind === 'none' ? w('same') : `${entry.kind === 'full' ? w('view.full') : `${entry.count} ${w('ops')}`}, ${bytes(entry.bytes)}`;
  if (entry.what === 'event') return short(entry.fields);
  if (entry.what === 'launched') return [entry.launch.page, entry.launch.scene, entry.launch.cause].filter(Boolean).join(' ');
  if (entry.what === 'saved') return entry.saved ? `schema ${entry.saved.schema}, ${bytes(entry.saved.bytes)}` : '';
  if (entry.what === 'ended') return entry.fault ? `${entry.fault.at ?? ''} ${entry.fault.code}` : entry.reason;
  return '';
}
