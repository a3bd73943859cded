// The simulator: the program on the stage, and beside it what it does. One connection, in one order: a frame of a run that is over is
// dropped, and what is done to a view goes to that view's run only.

import { h, fill, setText, token } from '/assets/dom.js';
import { setLanguage, onLanguage, named, micros } from '/assets/i18n.js';
import { iconBtn, btn, empty, toast, closeDialogs } from '/assets/ui.js';
import { icon } from '/assets/icons.js';
import { mark } from '/assets/art.js';
import { Tree } from '/assets/tree.js';
import { Sheets } from '/assets/sheet.js';
import { setAccent } from '/assets/colour.js';
import { setPerson } from '/assets/store.js';
import { languageSwitch } from '/assets/language.js';
import { w } from './words.js';
import { Inspector } from './inspector.js';
import { Launcher } from './launcher.js';

const page = token();
let events = 0;
let ws = null;
let run = null;
let build = null;
let refused = null;
let last = 0;
let lost = false;

const stage = h('div', { class: 'stage-screen' });
const status = h('div', { class: 'dev-status', role: 'status' });
const output = h('pre', { class: 'dev-output', tabindex: '0', hidden: true });
const header = h('header', { class: 'host-bar' });
const inspector = new Inspector({ send, recording: () => run && `/dev/recording/${run.session}` });
const launcher = new Launcher({ launch: (conditions) => send({ t: 'launch', conditions }) });
const side = h('div', { class: 'rail dev-side' }, status, output, launcher.el);

function send(frame) {
  if (ws?.readyState === WebSocket.OPEN) ws.send(JSON.stringify(frame));
}

/** One instance on the stage. */
class Run {
  constructor(frame) {
    Object.assign(this, frame);
    this.number = frame.run;
    this.lastSeq = 0;
    this.back = iconBtn('back', w('back'), () => this.act({ t: 'back' }), { hidden: true });
    this.title = h('h1', { class: 'bar-title', dir: 'auto', text: named(this.program.name) });
    this.body = h('main', { class: 'program-body', tabindex: '-1' });
    this.over = h('div', { class: 'dev-over', hidden: true });
    this.el = h('section', { class: 'program' }, h('header', { class: 'program-bar' }, this.back, h('div', { class: 'bar-words' }, this.title, h('p', { class: 'bar-publisher', text: this.state.kept ? `${w('kept')}: ${this.state.why}` : `${w('fresh')}: ${this.state.why}` }))), this.over, this.body);
    setAccent(this.body, this.program.accent);
    setPerson(frame.person);
    this.tree = new Tree(this.body, {
      image: (path) => `/program/${this.program.digest}/${String(path).split('/').map(encodeURIComponent).join('/')}`,
      send: (id, kind, value) => this.act({ t: 'event', id, kind, value }),
      root: (root) => setText(this.title, root.a.title || named(this.program.name)),
      viewport: () => this.body.getBoundingClientRect(),
    });
    // The same sheets as at a kiosk; what they send goes to this run.
    this.shown = true;
    this.socket = { send: (answer) => send({ ...answer, run: this.number }) };
    this.sheets = new Sheets(this);
  }

  act(frame) {
    const eventId = `${page}-${(events += 1)}`;
    send({ ...frame, run: this.number, eventId });
    return eventId;
  }

  take(frame) {
    if (frame.t === 'full' || frame.t === 'patch') {
      if (frame.t === 'patch' && frame.base !== this.lastSeq) return reconnect();
      if (frame.t === 'full') this.tree.full(frame.tree);
      else if (!this.tree.patch(frame.ops)) return reconnect();
      this.lastSeq = frame.seq;
      this.back.hidden = !(frame.depth > 1);
      inspector.view(this, frame);
    } else if (frame.t === 'ack') this.tree.acked(frame.eventId, frame.applied);
    else if (frame.t === 'usage') inspector.usage(frame);
    else if (frame.t === 'sheet') this.sheets.open(frame.sheet, frame.problem ?? frame.sheet?.problem);
    else if (frame.t === 'sheet-gone') this.sheets.gone(frame.id);
    else if (frame.t === 'scan') this.scan(frame.ticket);
    else if (frame.t === 'ended') this.end(frame);
  }

  scan(ticket) {
    const input = h('input', { class: 'input', type: 'text', autocomplete: 'off', 'aria-label': w('asks') });
    const box = h('form', { class: 'dev-scan' }, h('p', { text: w('asks') }), input, h('div', { class: 'dialog-actions even' }, btn(w('cancel'), () => done(null)), btn('OK', null, { submit: true, tone: 'primary' })));
    const done = (text) => {
      box.remove();
      send({ t: 'scanned', run: this.number, ticket, text });
    };
    box.addEventListener('submit', (event) => {
      event.preventDefault();
      done(input.value);
    });
    this.body.before(box);
    input.focus();
  }

  end(frame) {
    this.sheets.clear();
    this.body.inert = true;
    this.el.classList.add('is-over');
    const { fault } = frame;
    this.over.hidden = false;
    fill(
      this.over,
      h('p', { class: 'dev-over-title' }, icon(fault ? 'alert' : 'info'), fault ? w('fault') : `${w('ended')} (${frame.reason})`),
      fault ? faultWords(fault) : null,
      btn(w('again'), () => launcher.again(), { tone: 'primary', busyWhile: false }),
    );
  }

  stop() {
    this.sheets.clear();
    this.tree.destroy();
  }
}

function faultWords(fault) {
  return h(
    'div',
    { class: 'dev-fault' },
    fault.at ? h('p', { class: 'dev-at', text: fault.at }) : null,
    h('p', { text: `${fault.code}: ${fault.message}` }),
    fault.places?.length ? h('ol', { class: 'dev-places' }, fault.places.map((place) => h('li', { class: place.own ? 'own' : '', text: [place.file && `${place.file}:${place.line}`, place.function].filter(Boolean).join('  ') }))) : null,
  );
}

function drawStage() {
  if (run) return fill(stage, run.el);
  if (refused) {
    const { problem } = refused;
    return fill(stage, h('div', { class: 'dev-refused' }, h('p', { class: 'dev-over-title' }, icon('alert'), w('refused')), problem ? h('p', { text: `${problem.title}. ${problem.detail} ${problem.remedy}` }) : null, problem?.fault ? faultWords(problem.fault) : null));
  }
  fill(stage, empty('refresh', w('waiting'), w('waiting-d')));
}

function drawStatus() {
  status.className = `dev-status is-${lost ? 'failed' : (build?.phase ?? 'building')}`;
  if (lost) return fill(status, icon('unplug'), h('p', { text: w('lost') }));
  const total = build?.parts?.reduce((sum, [, us]) => sum + us, 0);
  fill(
    status,
    icon(build?.phase === 'failed' ? 'alert' : build?.phase === 'built' ? 'check' : 'refresh'),
    h('div', {}, h('p', { class: 'dev-status-title', text: `${w(build?.phase ?? 'building')}${build ? ` · ${build.build}` : ''}` }), build?.phase === 'built' && total ? h('p', { text: w('total', { time: micros(total) }) }) : null, build?.places?.length ? h('ul', { class: 'dev-at' }, build.places.map((place) => h('li', { text: place }))) : null),
  );
  output.hidden = !(build?.phase === 'failed');
  output.textContent = build?.message ?? '';
}

function take(frame) {
  if (frame.t === 'stage') {
    // What an earlier instance still had to say is not for this one.
    if (run && frame.run === run.number) run.take(frame.frame);
  } else if (frame.t === 'run' || frame.t === 'refused') {
    run?.stop();
    closeDialogs();
    run = frame.t === 'run' ? new Run(frame) : null;
    refused = frame.t === 'refused' ? frame : null;
    drawStage();
    launcher.run(frame);
    inspector.run(frame);
  } else if (frame.t === 'build') {
    build = frame;
    drawStatus();
    inspector.build(frame);
  } else if (frame.t === 'seen') {
    if (frame.n <= last) return;
    last = frame.n;
    inspector.seen(frame);
  } else if (frame.t === 'look') inspector.look(frame);
  else if (frame.t === 'problem') toast({ symbol: 'alert', title: frame.message, tone: 'bad' });
}

function connect() {
  const mine = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/dev/socket`);
  ws = mine;
  mine.onopen = () => {
    lost = false;
    drawStatus();
  };
  mine.onmessage = (message) => ws === mine && take(JSON.parse(message.data));
  mine.onclose = () => {
    if (ws !== mine) return;
    lost = true;
    drawStatus();
    setTimeout(connect, 800);
  };
}

/** A frame that does not fit: everything is asked for again. */
function reconnect() {
  const old = ws;
  ws = null;
  old?.close();
  connect();
}

function words() {
  document.title = `${w('title')} · Youji`;
  fill(header, h('div', { class: 'brand' }, mark(), h('span', { class: 'brand-name', text: `Youji ${w('title')}` })), h('div', { class: 'host-tools' }, languageSwitch()));
  drawStatus();
  drawStage();
  launcher.words();
  inspector.words();
}

setLanguage(navigator.language);
fill(document.body, header, h('div', { class: 'room dev-room' }, side, h('div', { class: 'stage' }, stage), inspector.el));
const measure = () => {
  const box = stage.getBoundingClientRect();
  for (const [name, value] of Object.entries({ x: box.left, y: box.top, w: box.width, h: box.height })) document.documentElement.style.setProperty(`--stage-${name}`, `${Math.round(value)}px`);
};
new ResizeObserver(measure).observe(stage);
addEventListener('resize', measure);
document.addEventListener('visibilitychange', () => run && send({ t: 'visible', run: run.number, shown: !document.hidden }));
onLanguage(words);
words();
connect();
