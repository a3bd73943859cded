// The engine room: what a program costs, live, for those who want to see inside.

import { h, fill, setText } from './dom.js';
import { t, tOr, bytes, micros, count } from './i18n.js';
import { icon } from './icons.js';
import { iconBtn, empty } from './ui.js';
import { sparkline, strip } from './plot.js';
import { scopeName } from './sheet.js';

const stepName = (name) => tOr(`step.${name}`, name);

/** Steps of a scan or an unload as a strip. */
export const stepStrip = (steps, label) => strip(steps.map(([name, us]) => [stepName(name), us]), { format: micros, label });

export class EngineRoom {
  constructor({ close }) {
    this.close = close;
    this.body = h('div', { class: 'engine-body', tabindex: '0' });
    this.el = h('aside', { class: 'engine', id: 'engine' });
    this.session = null;
    this.words();
    setInterval(() => this.session && this.visible() && this.live(), 1000);
  }

  visible() {
    return !document.hidden && this.el.offsetParent !== null;
  }

  words() {
    this.el.setAttribute('aria-label', t('engine.title'));
    fill(this.el, h('header', { class: 'engine-head' }, icon('engine'), h('h2', { text: t('engine.title') }), h('kbd', { class: 'engine-key', text: t('engine.key') }), iconBtn('close', t('engine.close'), this.close)), this.body);
    this.drawn = undefined;
    this.show(this.session);
  }

  show(session) {
    this.session = session;
    const key = session ? `${session.id}:${session.steps.length}:${Boolean(session.page.paintUs)}` : '';
    if (key !== this.drawn) {
      this.drawn = key;
      this.build();
    }
    if (session) this.live();
  }

  section(title, note, ...content) {
    return h('section', { class: 'engine-part' }, h('div', { class: 'engine-part-head' }, h('h3', { text: title }), note), content);
  }

  build() {
    const { session } = this;
    if (!session) {
      const still = { text: '0', format: String };
      this.memory = sparkline({ label: t('engine.memory'), binary: true });
      this.cpu = sparkline({ label: t('engine.cpu') });
      this.memory.update([], 0, { ...still, text: '0 B', format: bytes, least: 1 << 20 });
      this.cpu.update([], 0, { ...still, text: '0 %', format: (v) => `${v} %`, least: 10 });
      fill(this.body, empty('engine', t('engine.empty'), t('engine.empty-d')), h('div', { class: 'engine-plots idle' }, this.memory.el, this.cpu.el));
      return;
    }
    this.memory = sparkline({ label: t('engine.memory'), binary: true });
    this.cpu = sparkline({ label: t('engine.cpu') });
    this.facts = h('p', { class: 'engine-facts' });
    this.callsNote = h('span', { class: 'engine-note' });
    this.callList = h('ol', { class: 'calls' });
    const page = session.page;
    const around = [['camera', page.decodeMs], ['network', page.openMs === undefined ? undefined : Math.max(0, page.openMs - session.totalUs / 1000)], ['paint', page.paintUs === undefined ? undefined : page.paintUs / 1000]].filter(([, ms]) => ms !== undefined);
    const host = session.totalUs / 1000;
    const all = around.reduce((sum, [, ms]) => sum + ms, host) * 1000;
    fill(
      this.body,
      session.steps.length
        ? this.section(
            t('engine.scan'),
            h('strong', { class: 'engine-total', text: micros(session.totalUs) }),
            stepStrip(session.steps, t('engine.scan')),
            around.length ? h('p', { class: 'engine-note', text: `${t('engine.page', { time: micros(all) })}: ${around.map(([name, ms]) => `${stepName(name)} ${micros(ms * 1000)}`).join(' · ')}` }) : null,
          )
        : null,
      h('section', { class: 'engine-part engine-plots' }, this.memory.el, this.cpu.el, this.facts),
      this.section(t('engine.calls'), this.callsNote, this.callList),
      session.permissions
        ? this.section(
            t('engine.permissions'),
            null,
            session.permissions.length
              ? h('ul', { class: 'permissions' }, session.permissions.map(({ name, reason, state, required }) => h('li', {}, h('span', { class: `permission-state is-${state}` }, icon(state === 'denied' ? 'close' : state === 'not-asked' ? 'help' : 'check')), h('span', { class: 'permission-words' }, h('b', { text: scopeName(name) }), reason ? h('span', { text: reason, dir: 'auto' }) : null), h('span', { class: 'permission-word', text: [tOr(`state.${state}`, state), required && t('state.required')].filter(Boolean).join(' · ') }))))
              : h('p', { class: 'engine-note', text: t('engine.permissions-none') }),
          )
        : null,
    );
    this.callsDrawn = null;
  }

  live() {
    const { session } = this;
    const now = performance.now();
    const { usage, samples } = session;
    this.memory.update(samples.map(({ at, memory }) => [at, memory]), now, { format: bytes, text: bytes(usage?.memoryBytes ?? 0), detail: t('engine.ms-ago'), least: 1 << 20 });
    const cpu = samples.length && now - samples.at(-1).at < 1500 ? samples.at(-1).cpu : 0;
    const points = samples.map(({ at, cpu: v }) => [at, v]);
    if (points.length && cpu === 0) points.push([samples.at(-1).at + 400, 0]);
    this.cpu.update(points, now, { format: (v) => `${count(v)} %`, text: `${cpu < 10 ? cpu.toFixed(1) : count(cpu)} %`, detail: t('engine.cpu-total', { time: micros(usage?.cpuUs ?? 0) }), least: 5 });
    if (usage) setText(this.facts, t('engine.nodes', { nodes: count(usage.nodes), events: count(usage.events), bytes: bytes(usage.treeBytes) }));
    setText(this.callsNote, t('engine.calls-n', { n: count(usage?.calls ?? session.calls.length) }));
    const key = `${session.calls[0]?.at}:${session.skipped}`;
    if (key === this.callsDrawn) return;
    this.callsDrawn = key;
    fill(
      this.callList,
      session.calls.slice(0, 8).map((call) => h('li', { class: call.ok ? 'ok' : 'refused' }, icon(call.ok ? 'check' : 'close'), h('code', { text: call.name }), call.ok ? null : h('span', { class: 'call-code', text: call.code }), h('b', { text: micros(call.us) }))),
      session.calls.length ? null : h('li', { class: 'calls-none', text: t('engine.calls-none') }),
      session.skipped ? h('li', { class: 'calls-none', text: t('engine.skipped', { n: count(session.skipped) }) }) : null,
    );
  }
}
