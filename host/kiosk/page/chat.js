// One conversation: what was said, saying something, cards and money, and who is in it.

import { h, fill, token, uid } from './dom.js';
import { t, named, money, moment } from './i18n.js';
import { icon } from './icons.js';
import { api, asProblem } from './api.js';
import { dialog, btn, iconBtn, problemBox, skeleton, confirm, busy, form } from './ui.js';
import { appIcon } from './home.js';
import { setAccent } from './colour.js';
import { person, setPerson } from './store.js';
import { onMail } from './mail.js';
import { chatTitle, nameOf } from './chat-words.js';
import { invite } from './chat-invite.js';
import { giveMoney } from './gift.js';

let reading = null;
/** The conversation that is being read, if any. */
export const chatOpen = () => reading;

const SAID = new Set(['text', 'card', 'transfer', 'packet', 'erased', 'hidden']);

/**
 * `openCard(chat, number)` opens what a card shows; `programs()` and `sessions()` are what can be sent as one; `left()` runs when the
 * conversation is closed.
 */
export function showChat(id, ways) {
  const log = h('div', { class: 'chat-lines', tabindex: '0', role: 'log', 'aria-live': 'polite', 'aria-label': t('chat.lines') });
  const older = h('div', { class: 'chat-older' });
  const wrong = h('div', { class: 'chat-wrong' });
  const place = h('div', { class: 'chat-body' }, skeleton(4));
  const textId = uid();
  const text = h('textarea', { class: 'input chat-text', id: textId, rows: '1', maxlength: '2000', autocomplete: 'off', placeholder: t('chat.write'), dir: 'auto' });
  const send = iconBtn('send', t('chat.send'), null, { type: 'submit', class: 'icon-btn chat-send' });
  const compose = h(
    'form',
    { class: 'chat-compose', novalidate: true },
    h('label', { class: 'sr', for: textId, text: t('chat.write') }),
    iconBtn('share', t('chat.send-card'), () => chooseCard()),
    iconBtn('gift', t('chat.send-money'), () => giveMoney(id, { members: state.members, group: state.chat?.group }).then((given) => given && load()).catch(failed)),
    text,
    send,
  );
  const tools = h('div', { class: 'chat-tools' });
  const it = dialog({ title: t('chat.title'), className: 'panel chat-panel' }, tools, place, wrong, compose);
  const title = it.el.querySelector('.dialog-title');
  const state = { chat: null, members: [], lines: new Map(), first: null, top: false };
  reading = id;

  const failed = (error) => it.open && fill(wrong, problemBox(asProblem(error)));

  function drawHead() {
    title.textContent = state.chat ? chatTitle(state.chat) : t('chat.title');
    const others = state.members.filter((member) => !member.me);
    fill(
      tools,
      h('p', { class: 'row-note', dir: 'auto', text: !others.length ? t('chat.alone-d') : state.chat?.group ? t('chat.with', { names: others.map(({ name }) => name).join(t('privacy.and')) }) : '' }),
      state.chat?.group || !others.length ? btn(t('chat.invite'), () => invite(id), { tone: 'quiet', symbol: 'plus', busyWhile: false }) : null,
      btn(t('chat.people'), () => showPeople(), { tone: 'quiet', symbol: 'people', busyWhile: false }),
    );
  }

  const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

  function drawLines({ keep = false } = {}) {
    const end = nearEnd() || !log.childElementCount;
    const from = log.scrollHeight - log.scrollTop;
    const numbers = [...state.lines.keys()].sort((a, b) => a - b);
    fill(log, numbers.map((number) => lineItem(state.lines.get(number))));
    fill(older, !state.top && numbers.length ? btn(t('chat.older'), () => loadOlder(), { tone: 'quiet' }) : null);
    if (keep) log.scrollTop = log.scrollHeight - from;
    else if (end) log.scrollTop = log.scrollHeight;
  }

  function lineItem(line) {
    if (!SAID.has(line.kind)) return h('p', { class: 'chat-note' }, h('span', { dir: 'auto', text: t(`chat.line.${line.kind}`, { who: nameOf(line) }) }));
    const quiet = line.kind === 'erased' || line.kind === 'hidden';
    return h(
      'div',
      { class: ['chat-line', line.mine && 'mine', quiet && 'quiet'] },
      h('p', { class: 'chat-who' }, h('bdi', { text: nameOf(line) }), h('time', { datetime: new Date(line.at).toISOString(), text: moment(line.at) })),
      quiet ? h('p', { class: 'chat-bubble', text: t(`chat.line.${line.kind}`, { who: nameOf(line) }) }) : bubble(line),
    );
  }

  function bubble(line) {
    if (line.kind === 'text') return h('p', { class: 'chat-bubble', dir: 'auto', text: line.text });
    if (line.kind === 'card') return cardBubble(line);
    const amount = money(line.amount, line.currency);
    if (line.kind === 'transfer') {
      const to = state.members.find(({ member }) => member === line.to);
      return h('div', { class: 'chat-bubble chat-money' }, icon('wallet'), h('div', {}, h('strong', { text: amount }), h('p', { dir: 'auto', text: t('chat.transfer-to', { who: to?.me ? t('chat.you') : to?.name || t('chat.gone') }) }), line.note ? h('p', { dir: 'auto', text: line.note }) : null));
    }
    const state_ = line.share ? t('chat.packet-mine', { amount: money(line.share, line.currency) }) : t('chat.packet-taken', { n: line.claimed, of: line.shares });
    return h(
      'div',
      { class: ['chat-bubble chat-money chat-packet', !line.open && 'over'] },
      icon('gift'),
      h('div', {}, h('strong', { dir: 'auto', text: line.note || t('chat.packet') }), h('p', { text: state_ }), line.open && !(line.mine && !state.chat?.group) ? btn(t('chat.packet-open'), () => api.chatClaim(id, line.number).then(() => refreshAll(), failed), { tone: 'plain' }) : null),
    );
  }

  function cardBubble(line) {
    const { card } = line;
    const tile = h('span', { class: 'app-icon chat-card-icon' }, appIcon({ name: card.name, icon: card.icon, digest: card.digest }));
    setAccent(tile, card.accent);
    const open = async () => {
      if (!card.here) return;
      const sure = await confirm({ title: t('chat.open-q', { program: named(card.name) }), detail: t('chat.open-d', { who: nameOf(line) }), yes: t('me.open'), no: t('sheet.no'), tone: 'primary' });
      if (!sure) return;
      fill(wrong);
      ways.openCard(id, line.number).then(() => it.close(), failed);
    };
    return h(
      'button',
      { class: 'chat-bubble chat-card', type: 'button', 'aria-disabled': card.here ? null : 'true', on: { click: open } },
      tile,
      h('span', { class: 'sr', text: t('chat.card') }),
      h('span', { class: 'chat-card-words' }, h('strong', { dir: 'auto', text: card.title }), card.summary ? h('span', { dir: 'auto', text: card.summary }) : null, h('span', { class: 'row-note', dir: 'auto', text: !card.here ? t('chat.card-gone') : card.title === named(card.name) ? t('chat.card-tap') : named(card.name) })),
    );
  }

  async function take(got) {
    if (!it.open) return;
    state.chat = got.chat ?? state.chat;
    state.members = got.members;
    for (const line of got.lines) state.lines.set(line.number, line);
    drawHead();
    read();
  }

  function read() {
    const newest = Math.max(0, ...state.lines.keys());
    if (!newest || document.hidden || newest <= (state.read ?? 0)) return;
    state.read = newest;
    api.chatRead(id, newest).then(({ unread }) => person() && setPerson({ ...person(), chats: unread })).catch(() => {});
  }

  async function load() {
    try {
      const got = await api.chat(id);
      if (!it.open) return;
      if (!log.isConnected) fill(place, older, log);
      state.top = got.lines.length < 100;
      await take(got);
      drawLines();
    } catch (error) {
      const problem = asProblem(error);
      // Somebody took us out, or it is gone.
      if (problem.code === 'not-found') return it.close();
      if (it.open) fill(place, problemBox(problem, btn(t('retry'), load)));
    }
  }

  const refreshAll = () => (api.person().then((who) => person() && setPerson(who)).catch(() => {}), load());

  async function loadOlder() {
    const first = Math.min(...state.lines.keys());
    const got = await api.chat(id, `before=${first}`).catch(failed);
    if (!got) return;
    state.top = got.lines.length < 100;
    for (const line of got.lines) state.lines.set(line.number, line);
    drawLines({ keep: true });
  }

  // The same line again, after an answer that was lost, is still one.
  let saying = null;
  async function say(what) {
    saying ??= { clientId: token(), ...what };
    fill(wrong);
    busy(send, true);
    try {
      const sent = await api.chatSay(id, saying);
      saying = null;
      if (what.text) text.value = '';
      if (sent.unreached.length) fill(wrong, h('p', { class: 'field-error', role: 'status' }, icon('info'), h('span', { dir: 'auto', text: t('chat.unreached', { names: sent.unreached.join(t('privacy.and')) }) })));
      await load();
      log.scrollTop = log.scrollHeight;
    } catch (error) {
      if (asProblem(error).code !== 'unreachable') saying = null;
      failed(error);
    } finally {
      busy(send, false);
      fit();
    }
  }

  const fit = () => {
    text.style.height = 'auto';
    text.style.height = `${Math.min(text.scrollHeight + 2, 160)}px`;
  };
  text.addEventListener('input', () => {
    saying = null;
    fit();
  });
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      compose.requestSubmit();
    }
  });
  compose.addEventListener('submit', (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (words && !send.classList.contains('busy')) say({ text: words });
  });

  function chooseCard() {
    const open = ways.sessions();
    const running = new Set(open.map((one) => one.program.id));
    const choice = (program, card, note) => {
      const tile = h('span', { class: 'app-icon' }, appIcon(program));
      setAccent(tile, program.accent);
      return h('li', {}, h('button', { class: 'app', type: 'button', on: { click: () => (chooser.close(), say({ card })) } }, tile, h('span', { class: 'app-words' }, h('span', { class: 'app-name', dir: 'auto', text: named(program.name) }), h('span', { class: 'app-about', text: note }))));
    };
    const all = [...open.map((one) => choice(one.program, { session: one.id }, t('chat.card-open'))), ...ways.programs().filter(({ id: program }) => !running.has(program)).map((program) => choice(program, { program: program.id }, named(program.description)))];
    const chooser = dialog({ title: t('chat.send-card'), className: 'panel' }, h('p', { class: 'dialog-lead', text: t('chat.send-card-d') }), all.length ? h('ul', { class: 'apps' }, all) : h('p', { text: t('programs.none') }));
  }

  function showPeople() {
    const list = h('ul', { class: 'rows' });
    const own = state.members.find(({ me }) => me);
    const bad = h('div');
    const run = (what) => async () => {
      fill(bad);
      try {
        await what();
        await load();
        draw();
      } catch (error) {
        fill(bad, problemBox(asProblem(error)));
      }
    };
    const draw = () =>
      fill(
        list,
        state.members.map((member) =>
          h(
            'li',
            { class: 'row-item' },
            h('span', { class: 'row-words', dir: 'auto' }, h('span', { class: 'row-title', text: member.me ? `${member.name} (${t('chat.you')})` : member.name || t('chat.gone') }), member.owner && state.chat?.group ? h('span', { class: 'row-note', text: t('chat.owner') }) : null),
            member.me ? null : btn(t(member.blocked ? 'chat.unblock' : 'chat.block'), run(() => api.chatBlock(id, member.member, !member.blocked)), { tone: 'quiet' }),
            own?.owner && state.chat?.group && !member.me ? btn(t('chat.remove'), run(() => api.chatRemove(id, member.member)), { tone: 'quiet' }) : null,
          ),
        ),
      );
    draw();
    const rename = own?.owner && state.chat?.group ? form({ fields: [{ name: 'title', label: t('chat.group-title'), max: 60 }], label: t('chat.rename'), tone: 'plain', submit: async ({ title: words }) => (await api.chatTitle(id, words.trim()), load()) }) : null;
    const panel = dialog(
      { title: t('chat.people'), className: 'panel' },
      list,
      bad,
      rename,
      h(
        'div',
        { class: 'dialog-actions' },
        btn(t('chat.leave'), async () => {
          if (!(await confirm({ title: t('chat.leave-q'), detail: t('chat.leave-d'), yes: t('chat.leave'), no: t('me.leave-no') }))) return;
          await api.chatLeave(id).catch(() => {});
          panel.close();
          it.close();
        }, { tone: 'quiet' }),
        btn(t('chat.done'), () => panel.close(), { tone: 'primary' }),
      ),
    );
  }

  const ends = [
    onMail('chat', (news) => news.chat === id && load()),
    onMail('gap', () => load()),
  ];
  document.addEventListener('visibilitychange', read);
  it.closed.then(() => {
    ends.forEach((end) => end());
    document.removeEventListener('visibilitychange', read);
    if (reading === id) reading = null;
    ways.left?.();
  });
  drawHead();
  load();
  return it;
}
