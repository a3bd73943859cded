// The unload receipt: stands where the program stood, with measured figures.

import { h, fill, animate } from './dom.js';
import { t, tOr, faultWords, named, bytes, micros, count, duration } from './i18n.js';
import { icon } from './icons.js';
import { btn, moreWords } from './ui.js';
import { mark } from './art.js';
import { bars } from './plot.js';
import { stepStrip } from './engine.js';

/** Folds the program away and shows its receipt in `stage`. `done` leaves it, `again` scans the next code, `back` goes to the program that opened it. */
export async function showReceipt(stage, session, { reason, fault, receipt }, { done, again, back }) {
  const from = session.el;
  if (from.isConnected && !from.hidden) await animate(from, [{ clipPath: 'inset(0 0 0 0 round 0)', opacity: 1 }, { clipPath: 'inset(40% 40% 40% 40% round 24px)', opacity: 0 }], 220);
  from.remove();
  const failed = reason === 'fault' || Boolean(fault);
  const el = h('main', { class: 'receipt-screen', id: 'main', tabindex: '-1', 'aria-label': t('end.receipt') });
  const draw = () =>
    fill(
      el,
      h(
        'article',
        { class: ['receipt', failed && 'failed'] },
        h('header', { class: 'receipt-head' }, mark(), h('div', {}, h('h1', { text: t('end.title') }), h('p', { class: 'receipt-name', dir: 'auto', text: named(session.program.name) })), receipt ? h('p', { class: 'receipt-time', text: t('end.in', { time: micros(total(receipt.steps)) }) }) : null),
        h('p', { class: 'receipt-why', role: failed ? 'alert' : 'status' }, failed ? icon('alert') : icon('check'), h('span', {}, h('strong', { text: t('sentence', { text: tOr(`end.${reason}`, reason) }) }), failed ? t('sentence.next', { text: faultWords(fault?.code) || t('end.fault-d') }) : '', t('sentence.next', { text: t('end.nothing-lost') }))),
        failed ? moreWords(fault?.message, fault?.code) : null,
        receipt ? figures(receipt) : null,
        h('div', { class: 'dialog-actions even' }, btn(t('end.done'), done, { busyWhile: false }), back ? btn(t('end.back', { name: named(back.name) }), back.run, { tone: 'primary', symbol: 'back', busyWhile: false }) : btn(t('end.scan'), again, { tone: 'primary', symbol: 'qr', busyWhile: false })),
      ),
    );
  draw();
  fill(stage, el);
  el.focus({ preventScroll: true });
  await animate(el.firstChild, [{ clipPath: 'inset(0 0 96% 0)', transform: 'translateY(12px)' }, { clipPath: 'inset(0 0 0 0)', transform: 'none' }], 240);
  return { el, draw };
}

const keptWords = ({ code, bytes: size, count: n }) => (tOr(`kept.${code}`, null) ? t(`kept.${code}`, { size: bytes(size), n: count(n ?? 0) }) : code);

const total = (steps) => (steps ?? []).reduce((sum, [, us]) => sum + us, 0);

// What the host measures afterwards is the memory of all live programs: while others run, both bars must count them.
const memory = (own, others) => (others ? [[t('end.before-all'), own + others], [t('end.after-all'), others]] : [[t('end.before'), own], [t('end.after'), 0]]);

function figures({ before = {}, after = {}, steps = [], erased = {}, kept = [], lifetimeMs }) {
  const others = [
    [t('end.tree'), bytes(before.treeBytes)],
    [t('end.tables'), count(before.tables)],
    ...(before.queuedEvents ? [[t('end.queued'), count(before.queuedEvents)]] : []),
  ];
  const gone = Object.entries(erased).filter(([, n]) => n > 0);
  return [
    h('section', { class: 'receipt-part' }, h('h2', { text: t('end.memory') }), bars(memory(before.memoryBytes ?? 0, after.memoryBytes ?? 0), { format: bytes, label: t('end.memory') }), h('p', { class: 'receipt-note', text: `${t('end.freed', { size: bytes((before.memoryBytes ?? 0) + (before.treeBytes ?? 0)) })} · ${t('end.lived', { time: duration(lifetimeMs ?? 0) })}` })),
    h('section', { class: 'receipt-part' }, h('h2', { text: t('end.erased') }), h('dl', { class: 'receipt-grid' }, [...others, ...gone.map(([name, n]) => [tOr(`erased.${name}`, name), count(n)])].map(([name, value]) => h('div', {}, h('dt', { text: name }), h('dd', { text: value }))))),
    steps.length ? h('section', { class: 'receipt-part' }, h('h2', { text: t('end.time') }), stepStrip(steps, t('end.time'))) : null,
    h('section', { class: 'receipt-part' }, h('h2', { text: t('end.kept') }), kept.length ? h('ul', { class: 'receipt-kept' }, kept.map((one) => h('li', { text: keptWords(one) }))) : h('p', { class: 'receipt-note', text: t('end.kept-none') })),
    h('p', { class: 'receipt-host', text: t('end.host-now', { instances: count(after.instances), rss: bytes(after.rssBytes) }) }),
  ];
}
