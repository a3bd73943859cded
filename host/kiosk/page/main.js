// The kiosk page: who is here, what stands on the stage, and what goes when they leave.

import { h, fill, attr } from './dom.js';
import { t, named, bytes, setLanguage, onLanguage, languageTag } from './i18n.js';
import { api, asProblem, problem } from './api.js';
import { icon } from './icons.js';
import { iconBtn, problemBox, btn, toast, notices, dialog, closeDialogs, clearToasts, anyDialog } from './ui.js';
import { mark } from './art.js';
import { person, setPerson, onPerson } from './store.js';
import { languageSwitch } from './language.js';
import { askWho, showInbox, leave } from './person.js';
import { consentsWay } from './privacy.js';
import { Invitation, rail, arrival } from './home.js';
import { Scanner } from './scanner.js';
import { Session } from './session.js';
import { EngineRoom } from './engine.js';
import { showReceipt } from './receipt.js';
import { watchWedge } from './wedge.js';
import { askFirst, openFirst } from './first.js';
import { giveTo, isPacketLink, isReceiveCode, openPacket } from './between.js';
import { isPaymentCode, payCode, payFor } from './pay.js';
import { Idle } from './idle.js';
import { showChats, chatNews } from './chats.js';
import { showChat, chatOpen } from './chat.js';
import { isInvitation, joinBy } from './chat-invite.js';
import { endMail, followMail, follows, onMail } from './mail.js';

const sessions = new Map();
let state = { programs: [], sessions: [], kiosk: {} };
let current = null;
let receipt = null;
let scanner = null;
let arriving = null;
let shell = null;
let engine = null;
let invitation = null;
let idle = null;

const wide = matchMedia('(min-width: 1100px) and (orientation: landscape)');

function buildShell() {
  engine = new EngineRoom({ close: () => toggleEngine(false) });
  invitation = new Invitation();
  const stage = h('div', { class: 'stage-screen' });
  const side = h('div', { class: 'rail', tabindex: '-1' });
  const header = h('header', { class: 'host-bar' });
  const room = h('div', { class: 'room' }, side, h('div', { class: 'stage' }, stage), engine.el);
  const skip = h('a', { class: 'skip', href: '#main', text: t('a11y.skip') });
  shell = { stage, side, header, room, skip };
  fill(document.body, skip, header, room, notices());
  toggleEngine(wide.matches);
  wide.addEventListener('change', () => toggleEngine(wide.matches));
  const measure = () => {
    const box = stage.getBoundingClientRect();
    for (const [name, value] of Object.entries({ x: box.left, y: box.top, w: box.width, h: box.height })) document.documentElement.style.setProperty(`--stage-${name}`, `${Math.round(value)}px`);
  };
  new ResizeObserver(measure).observe(stage);
  addEventListener('resize', measure);
}

function drawHeader() {
  const who = person();
  const unread = who?.unread || 0;
  fill(
    shell.header,
    h('a', { class: 'brand', href: '/', 'aria-label': `${state.kiosk.name || 'Youji 有机'}: ${t('bar.home')}`, on: { click: (event) => (event.preventDefault(), goHome()) } }, mark(), h('span', { class: 'brand-name', text: state.kiosk.name || 'Youji 有机' })),
    h('div', { class: 'host-tools' }, who ? [iconWithCount('bell', unread, 'bar.inbox', inbox), iconWithCount('chat', who.chats || 0, 'chat.title', chats)] : h('button', { class: 'btn tone-quiet who-btn', type: 'button', on: { click: signIn } }, h('span', { class: 'btn-icon' }, icon('person')), h('span', { class: 'btn-label', text: t('bar.sign-in') })), h('button', { class: 'icon-btn engine-toggle', type: 'button', 'aria-label': t('bar.engine'), title: `${t('bar.engine')} (E)`, 'aria-expanded': String(!shell.room.classList.contains('no-engine')), 'aria-controls': 'engine', on: { click: () => toggleEngine() } }, icon('engine')), who ? iconBtn('leave', t('bar.leave'), () => leave(reset)) : null, languageSwitch()),
  );
}

// Who came by a link goes on to what it opens.
const signIn = async () => (await askWho()) && arriving && follow();

function iconWithCount(symbol, n, name, run) {
  const label = n ? `${t(name)}: ${t('bar.unread', { n })}` : t(name);
  return h('button', { class: 'icon-btn', type: 'button', 'aria-label': label, title: label, on: { click: run } }, icon(symbol), n ? h('span', { class: 'count', text: n > 99 ? '99+' : n, 'aria-hidden': 'true' }) : null);
}

function toggleEngine(on) {
  const shown = on ?? shell.room.classList.contains('no-engine');
  shell.room.classList.toggle('no-engine', !shown);
  const button = shell.header.querySelector('.engine-toggle');
  if (button) attr(button, 'aria-expanded', String(shown));
  engine.show(current);
}

function drawSide() {
  const running = new Set([...sessions.values()].map((session) => session.program.id));
  fill(shell.side, rail({ invitation, programs: state.programs, running, open: openProgram, inbox, chats, leave: () => leave(reset) }));
}

/** Puts on the stage what should stand there now. */
function drawStage() {
  document.body.dataset.stage = current ? 'program' : receipt ? 'receipt' : arriving ? 'arrival' : 'home';
  engine.show(current);
  if (current) {
    dropScanner();
    if (current.el.parentNode !== shell.stage) fill(shell.stage, current.el);
    return;
  }
  if (receipt) return;
  if (arriving) {
    dropScanner();
    return fill(shell.stage, person() ? h('main', { class: 'arrival', id: 'main' }, h('div', { class: 'scan-wait', role: 'status' }, h('span', { class: 'spinner' }), h('p', { text: t('scan.opening') }))) : arrival(follow));
  }
  if (!scanner) {
    scanner = new Scanner({ onCode: openCode });
    fill(shell.stage, h('main', { class: 'home', id: 'main', tabindex: '-1' }, h('h1', { class: 'scan-title', text: t('scan.title') }), scanner.el));
  }
}

function dropScanner() {
  scanner?.end();
  scanner = null;
}

/** Opens what the phone's camera read; where that fails, it is said on the start page, not on a program that was open before. */
function follow() {
  drawStage();
  openCode(arriving, { how: 'link' }).then(
    () => arriving && drawStage(),
    (error) => {
      goHome();
      showProblem(error);
    },
  );
}

/** A reload must not open or refuse once more what a link led to; it shows that session again, if one is named. */
function arrived(session) {
  arriving = null;
  history.replaceState(session ? { session } : null, '', location.pathname.startsWith('/M/') ? '/' : location.href);
}

function goHome() {
  shell.side.scrollTop = 0;
  arrived();
  receipt = null;
  if (current) current.show(false);
  current = null;
  drawSide();
  drawStage();
}

function showSession(session) {
  if (current && current !== session) current.show(false);
  receipt = null;
  arrived(session.id);
  current = session;
  // The one that was shown last is the last: a program may be open twice, as at two tables.
  if (sessions.delete(session.id)) sessions.set(session.id, session);
  shell.side.scrollTop = 0;
  session.el.hidden = false;
  session.show(true);
  drawSide();
  drawStage();
}

const inbox = () => showInbox((program, page) => openPage(program, page));

const chatWays = {
  openCard: (chat, number) => openFirst(() => api.chatOpen(chat, number)).then((opened) => opened && adopt(opened)),
  programs: () => state.programs,
  sessions: () => [...sessions.values()],
};
const chats = () => showChats(chatWays);

/** An invitation that was scanned, followed or typed. */
async function join(code) {
  if (!person() && !(await askWho())) return scanner?.resume();
  const id = await joinBy(code);
  if (id) showChat(id, chatWays);
  scanner?.resume();
}

/** A printed code, as it is compared; null for anything else. */
const printed = (text) => (/^https?:\/\/[^/]+\/m\/[a-z2-7]+$/i.test(text ?? '') ? text.toUpperCase() : null);
// Neither an address nor anybody's payment code. The host tells others apart.
const plainText = (text) => /^[^\d:][^:]*$/.test(text.trim());

async function openCode(code, { how, ms } = {}) {
  // Nobody need say who they are for this.
  if (!person() && plainText(code)) throw problem('not-ours');
  // Whoever scans their table again wants what they have there.
  const running = printed(code) && [...sessions.values()].find((session) => printed(session.code) === printed(code));
  if (running) return showSession(running);
  if (isPaymentCode(code)) return pay(() => payCode(code));
  if (isInvitation(code)) return join(code.trim());
  if (isReceiveCode(code)) return pay(() => giveTo(code.trim()));
  if (isPacketLink(code)) return pay(() => openPacket(code.trim()));
  await open({ code }, { how, decodeMs: ms });
}

function openProgram(program) {
  const running = [...sessions.values()].findLast((session) => session.program.id === program.id);
  if (running) return showSession(running);
  return (program.code ? openCode(program.code, { how: 'list' }) : open({ program: program.id, page: '', query: {} })).catch(showProblem);
}

const openPage = (program, page) => open({ program, page: page || '', query: {} }).catch(showProblem);

// No program has anything to do with it: the host asks, and the scanner is there again afterwards, unless it has a problem to show.
async function pay(how) {
  if (!person() && !(await askWho())) return scanner?.resume();
  await how();
  scanner?.resume();
}

let opening = false;
async function open(what, page = {}) {
  if (opening) return;
  opening = true;
  document.body.classList.add('opening');
  try {
    if (!person() && !(await askWho({ arriving: Boolean(arriving) }))) {
      scanner?.resume();
      return;
    }
    const start = performance.now();
    let opened;
    try {
      opened = await openFirst(() => api.open(what));
    } catch (error) {
      if (error.code !== 'no-person') throw error;
      setPerson(null);
      if (!(await askWho())) return;
      opened = await openFirst(() => api.open(what));
    }
    // Who leaves stays where they were, and who came by a link is at the start.
    if (!opened) return arriving ? goHome() : scanner?.resume();
    adopt({ ...opened, page: { ...page, openMs: performance.now() - start } });
  } finally {
    opening = false;
    document.body.classList.remove('opening');
  }
}

const adopt = (opened) => showSession(sessions.get(opened.session) ?? take(opened));

/** A session that is open at the host, not shown yet. */
function take(opened) {
  const session = new Session(opened, {
    ended,
    minimise: goHome,
    engine: () => toggleEngine(),
    changed: (one) => one === current && engine.show(current),
    inbox: news,
    idle: (ms) => idle.warn(ms),
    scan: scanFor,
    opened: adopt,
    notOpened: (problem) => (problem.code === 'consent-first' ? askFirst(problem).then((opened) => opened && adopt(opened)) : Promise.reject(problem)).catch(showProblem),
    back: () => api.state().then(({ sessions: open }) => open.filter((one) => one.from && !sessions.has(one.session)).forEach(adopt)).catch(() => {}),
  });
  sessions.set(session.id, session);
  session.show(false);
  return session;
}

async function ended(session, frame) {
  sessions.delete(session.id);
  refreshPerson();
  if (frame.seatEnded && (frame.reason === 'idle' || frame.reason === 'reset')) idle.goneAway();
  if (session !== current) {
    session.el.remove();
    drawSide();
    if (frame.reason === 'closed') return;
    const run = frame.receipt && (() => leaveReceipt(session, frame));
    toast({ symbol: 'package', title: named(session.program.name), detail: [t(`end.${frame.reason}`), freed(frame)].filter(Boolean).join(' · '), run, ms: 8000 });
    return;
  }
  const caller = sessions.get(session.from);
  if (caller && frame.reason === 'closed') {
    current = null;
    return backTo(caller, session, frame);
  }
  return leaveReceipt(session, frame, caller);
}

/** What was freed, in words; nothing where it is not known. */
function freed({ receipt: it }) {
  const size = it && bytes((it.before.memoryBytes ?? 0) + (it.before.treeBytes ?? 0));
  return size ? t('end.freed', { size }) : '';
}

/** The receipt stands where the program stood; whatever stands there now goes on in the background. */
async function leaveReceipt(session, frame, caller) {
  if (current && current !== session) current.show(false);
  current = null;
  receipt = true;
  await closeDialogs();
  drawSide();
  drawStage();
  receipt = await showReceipt(shell.stage, session, frame, { done: goHome, again: goHome, back: caller && { name: caller.program.name, run: () => (sessions.has(caller.id) ? showSession(caller) : goHome()) } });
}

// A program that another one opened: the person is back where they were, and what was freed is said in passing.
async function backTo(caller, session, frame) {
  await closeDialogs();
  session.el.remove();
  showSession(caller);
  toast({ symbol: 'package', title: `${t('end.title')} · ${named(session.program.name)}`, detail: freed(frame) });
}

// A session's socket tells of the inbox too: for a page whose own line is not there.
function news(frame, session) {
  if (follows()) return;
  const who = person();
  if (who) setPerson({ ...who, unread: frame.unread });
  api
    .inbox(Math.max(0, frame.sequence - 1))
    .then(({ messages }) => {
      const message = messages.find((one) => one.sequence === frame.sequence) ?? messages.at(-1);
      if (message) toast({ symbol: 'bell', title: message.title, detail: message.text, run: inbox, ms: 8000, tone: 'accent' });
    })
    .catch(() => toast({ symbol: 'bell', title: t('bar.unread', { n: frame.unread }), run: inbox }));
  refreshPerson(session);
}

function mailed(message) {
  if (message.read) return;
  toast({ symbol: 'bell', title: message.title, detail: message.text, run: inbox, ms: 8000, tone: 'accent' });
  refreshPerson();
}

function talked(said) {
  refreshPerson();
  const notice = chatNews(said, chatOpen());
  if (notice) toast({ ...notice, run: () => (said.number ? showChat(said.chat, chatWays) : chats()), ms: 8000, tone: 'accent' });
}

let refreshing = 0;
function refreshPerson() {
  clearTimeout(refreshing);
  if (person()) refreshing = setTimeout(() => api.person().then((who) => person() && setPerson(who)).catch(() => {}), 150);
}

function scanFor(session, ticket) {
  const answer = (text) => {
    session.socket?.send({ t: 'scanned', ticket, text });
    inner.end();
    it.close();
  };
  const inner = new Scanner({ onCode: async (text) => answer(text) });
  const name = named(session.program.name);
  const it = dialog({ title: t('scan.for-program', { name }), className: 'scan-dialog', cancel: () => answer(null) }, h('p', { class: 'dialog-lead', text: t('scan.for-program-d') }), inner.el, h('div', { class: 'dialog-actions' }, btn(t('scan.cancel'), () => answer(null))));
}

function showProblem(error) {
  const problem = asProblem(error);
  if (scanner && !current) return scanner.trouble(problem);
  const it = dialog({ title: problem.title, className: 'small', alert: true, heading: false }, problemBox(problem), h('div', { class: 'dialog-actions' }, consentsWay(problem, () => it.close()), btn(t('ok'), () => it.close(), { tone: 'primary', autofocus: true })));
}

/** Ends everything of the seat. Nothing of the person outlives this document: the next one starts from nothing. */
async function reset() {
  try {
    await api.reset();
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code !== 'no-person') return showProblem(problem);
  }
  forget();
}

function forget() {
  endMail();
  idle.end();
  for (const session of sessions.values()) session.stop();
  sessions.clear();
  current = null;
  setPerson(null);
  dropScanner();
  clearToasts();
  document.body.replaceChildren();
  // What an entry of the history holds outlives a load of the same address.
  history.replaceState(null, '', '/');
  location.replace('/');
}

// With the person, so that a reload and their messages speak it too.
function keepLanguage() {
  const who = person();
  if (!who || who.language === languageTag()) return;
  api
    .setLanguage(languageTag())
    .then((now) => person() && setPerson(now))
    .catch(() => {});
}

function redraw() {
  shell.skip.textContent = t('a11y.skip');
  engine.words();
  invitation.draw();
  drawHeader();
  drawSide();
  for (const session of sessions.values()) session.relanguage();
  receipt?.draw?.();
  if (!current && !receipt) {
    dropScanner();
    drawStage();
  }
}

async function boot() {
  setLanguage(navigator.language);
  const code = location.pathname.startsWith('/M/');
  try {
    state = await api.state();
  } catch (error) {
    const problem = asProblem(error);
    fill(document.body, h('main', { class: 'boot-problem' }, mark('large'), problemBox(problem, btn(t('retry'), () => location.reload(), { tone: 'primary' }))));
    // A reload while the host is down would end on the browser's own error page.
    const again = setInterval(() => api.state().then(() => (clearInterval(again), location.reload())).catch(() => {}), 2000);
    return;
  }
  setLanguage(code && !state.person ? navigator.language : state.language);
  setPerson(state.person);
  arriving = code ? location.href : null;
  buildShell();
  idle = new Idle({ ...state.kiosk, sessions, reset });
  let seated = Boolean(person());
  onPerson((who) => {
    drawHeader();
    drawSide();
    if (who && !seated) idle.seated();
    seated = Boolean(who);
  });
  onMail('message', mailed);
  onMail('chat', talked);
  followMail();
  onLanguage(redraw);
  onLanguage(keepLanguage);
  drawHeader();
  drawSide();
  watchWedge((text) => {
    if (anyDialog() || current) return;
    toast({ symbol: 'qr', title: t('scan.wedge'), ms: 2000 });
    openCode(text, { how: 'wedge' }).catch(showProblem);
  });
  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'e' || event.ctrlKey || event.metaKey || event.altKey || event.repeat || anyDialog()) return;
    if (event.target.closest?.('input, textarea, select')) return;
    // A hand scanner types an "e" too, but never alone.
    const before = event.timeStamp;
    let alone = true;
    const more = () => (alone = false);
    // In the capturing phase: the scanner's Enter is stopped there.
    addEventListener('keydown', more, { once: true, capture: true });
    setTimeout(() => {
      removeEventListener('keydown', more, { capture: true });
      if (alone && performance.now() - before > 50) toggleEngine();
    }, 70);
  });
  document.addEventListener('visibilitychange', () => current?.socket?.visible(!document.hidden));
  const here = state.sessions.map(take);
  drawSide();
  // What is open already must not stand where the table of the link belongs.
  if (arriving && person()) follow();
  else if (here.length) showSession(sessions.get(history.state?.session) ?? here.at(-1));
  else drawStage();
  if (location.pathname.startsWith('/C/')) {
    const code = location.href;
    history.replaceState(null, '', '/');
    join(code).catch(showProblem);
  }
  const between = [isReceiveCode, isPacketLink].some((is) => is(location.href)) && location.href;
  if (between) {
    history.replaceState(null, '', '/');
    openCode(between).catch(showProblem);
  }
  const link = /^\/P\/([a-z0-9_]+)$/.exec(location.pathname);
  if (link) {
    history.replaceState(null, '', '/');
    pay(() => payFor(link[1])).catch(showProblem);
  }
}

if (location.pathname.startsWith('/operator')) import('./operator.js').then(({ operate }) => operate());
else boot();
