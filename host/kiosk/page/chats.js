// Conversations: which there are, who asks into one, and how one begins.

import { h, fill } from './dom.js';
import { t, moment } from './i18n.js';
import { icon } from './icons.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, empty, skeleton } from './ui.js';
import { person, setPerson } from './store.js';
import { onMail } from './mail.js';
import { showChat } from './chat.js';
import { chatTitle, lineWords } from './chat-words.js';
import { enterCode, invite } from './chat-invite.js';

const refresh = () => api.person().then((who) => person() && setPerson(who)).catch(() => {});

/** The list. `openCard(chat, number)` opens what a card shows; `scan()` reads an invitation's code with the camera. */
export function showChats(ways) {
  const body = h('div', { class: 'panel-body' }, skeleton(4));
  const it = dialog({ title: t('chat.title'), className: 'panel' }, body);
  const go = (id) => showChat(id, { ...ways, left: () => it.open && draw() });
  let asked = 0;
  const draw = async () => {
    const turn = ++asked;
    try {
      const all = await api.chats();
      // Answers may overtake one another: only the last question's is as new as what was told.
      if (!it.open || turn !== asked) return;
      fill(
        body,
        h('div', { class: 'chat-ways' }, btn(t('chat.new'), () => begin(go), { tone: 'primary', symbol: 'plus', busyWhile: false }), btn(t('chat.have-code'), () => enterCode({ joined: (id) => (draw(), go(id)) }), { symbol: 'key', busyWhile: false })),
        all.asks.length ? h('section', { class: 'chat-asks', 'aria-label': t('chat.asks') }, all.asks.map((ask) => askRow(ask, { draw, go }))) : null,
        all.chats.length
          ? h('ul', { class: 'rows chat-list' }, all.chats.map((chat) => h('li', {}, chatRow(chat, () => go(chat.id)))))
          : empty('chat', t('chat.none'), t('chat.none-d')),
        all.blocked.length ? blockedList(all.blocked, draw) : null,
      );
    } catch (error) {
      if (it.open && turn === asked) fill(body, problemBox(asProblem(error), btn(t('retry'), draw)));
    }
  };
  const ends = [onMail('chat', draw), onMail('gap', draw)];
  it.closed.then(() => ends.forEach((end) => end()));
  draw();
  return it;
}

function chatRow(chat, run) {
  return h(
    'button',
    { class: 'chat-row', type: 'button', on: { click: run } },
    h('span', { class: 'chat-face', 'aria-hidden': 'true' }, icon(chat.group ? 'people' : 'person')),
    h(
      'span',
      { class: 'row-words' },
      h('span', { class: 'row-title', dir: 'auto' }, chatTitle(chat), chat.group ? h('span', { class: 'tag', text: t('chat.count', { n: chat.members }) }) : null),
      h('span', { class: 'chat-last', dir: 'auto', text: lineWords(chat.last) }),
    ),
    h('span', { class: 'chat-side' }, chat.last ? h('span', { class: 'row-note', text: moment(chat.last.at) }) : null, chat.unread ? h('span', { class: 'count', text: chat.unread > 99 ? '99+' : chat.unread, 'aria-label': t('bar.unread', { n: chat.unread }) }) : null),
  );
}

function askRow(ask, { draw, go }) {
  const wrong = h('div');
  const answer = (what) => async () => {
    fill(wrong);
    try {
      await api.chatAnswer(ask.id, what);
      refresh();
      await draw();
      if (what === 'accept') go(ask.id);
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
    }
  };
  const title = ask.title ? t('chat.asked-into', { who: ask.by, title: ask.title }) : t('chat.asked', { who: ask.by });
  return h(
    'article',
    { class: 'chat-ask' },
    h('p', { class: 'row-title', dir: 'auto', text: title }),
    h('p', { class: 'row-note', text: t('chat.asked-d') }),
    h('div', { class: 'dialog-actions' }, btn(t('chat.block'), answer('block'), { tone: 'quiet' }), btn(t('chat.decline'), answer('decline')), btn(t('chat.accept'), answer('accept'), { tone: 'primary' })),
    wrong,
  );
}

function blockedList(blocked, draw) {
  return h(
    'details',
    { class: 'chat-blocked' },
    h('summary', { text: t('chat.blocked', { n: blocked.length }) }),
    h('ul', { class: 'rows' }, blocked.map((one) => h('li', { class: 'row-item' }, h('span', { class: 'row-words', dir: 'auto', text: one.name || t('chat.gone') }), btn(t('chat.unblock'), () => api.chatUnblock(one.id).then(draw), { tone: 'quiet' })))),
  );
}

function begin(go) {
  const finish = async (title) => {
    const { id } = await api.chatMake(title);
    it.close();
    const chat = go(id);
    invite(id);
    return chat;
  };
  const wrong = h('div');
  const two = btn(t('chat.new-two'), () => finish().catch((error) => fill(wrong, problemBox(asProblem(error)))), { symbol: 'person', wide: true, autofocus: true });
  const it = dialog(
    { title: t('chat.new'), className: 'small' },
    h('p', { class: 'dialog-lead', text: t('chat.new-d') }),
    two,
    wrong,
    form({ fields: [{ name: 'title', label: t('chat.group-title'), max: 60 }], label: t('chat.new-group'), submit: ({ title }) => finish(title.trim()) }),
  );
}

/** A notice of what was said, unless it is being read. */
export function chatNews({ chat, number, line }, reading) {
  if (chat === reading || (line && (line.mine || line.kind === 'hidden'))) return null;
  if (number === 0) return { symbol: 'chat', title: t('chat.asks'), detail: t('chat.asked-d') };
  return line && ['text', 'card', 'transfer', 'packet'].includes(line.kind) ? { symbol: 'chat', title: lineWords(line) } : null;
}

