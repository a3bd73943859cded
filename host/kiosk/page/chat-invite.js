// Bringing somebody into a conversation, and coming into one.

import { h, fill } from './dom.js';
import { t } from './i18n.js';
import { api, asProblem } from './api.js';
import { dialog, btn, form, problemBox, skeleton } from './ui.js';
import { qrPicture } from './widgets/data.js';
import { person } from './store.js';

/** Two ways to bring somebody in: a code that is good once, or asking by the code that they sign in with. */
export async function invite(id) {
  const place = h('div', { class: 'pay-code' }, skeleton(3));
  const said = h('p', { class: 'row-note', role: 'status' });
  const it = dialog(
    { title: t('chat.invite'), className: 'small' },
    place,
    form({
      fields: [{ name: 'code', label: t('chat.ask-code'), hint: t('chat.ask-hint'), max: 32 }],
      label: t('chat.ask'),
      tone: 'plain',
      submit: async ({ code }) => {
        await api.chatAsk(id, code.trim());
        said.textContent = t('chat.ask-done', { code: code.trim() });
      },
    }),
    said,
    h('div', { class: 'dialog-actions' }, btn(t('chat.done'), () => it.close(), { tone: 'primary' })),
  );
  try {
    const made = await api.chatInvite(id);
    const letters = made.code.match(/.{1,4}/g).join(' ');
    fill(place, h('div', { class: 'pay-code-picture' }, qrPicture(made.address, t('chat.invite-label', { code: letters }))), h('p', { class: 'pay-code-digits', dir: 'ltr', text: letters }), h('p', { class: 'row-note', text: t('chat.invite-d') }));
  } catch (error) {
    fill(place, problemBox(asProblem(error)));
  }
}

/** An invitation's letters, or its whole address. */
export const isInvitation = (text) => /^https?:\/\/[^/]+\/c\/[a-z0-9]+$/i.test(text.trim());

/** Shows where an invitation leads, and asks. Gives the conversation, null for no. */
export async function joinBy(code) {
  const there = await api.chatInvitation(code);
  return new Promise((resolve) => {
    const wrong = h('div');
    const finish = (id) => {
      it.close();
      resolve(id);
    };
    const it = dialog(
      { title: t('chat.join-q'), className: 'small', cancel: () => finish(null) },
      h('p', { class: 'dialog-lead', dir: 'auto', text: there.title ? t('chat.asked-into', { who: there.by, title: there.title }) : t('chat.asked', { who: there.by }) }),
      h('p', { class: 'row-note', text: t('chat.join-d', { n: there.members, name: person()?.name ?? '' }) }),
      wrong,
      h(
        'div',
        { class: 'dialog-actions' },
        btn(t('chat.decline'), () => finish(null)),
        btn(t('chat.join'), () => api.chatJoin(code).then(({ id }) => finish(id), (error) => fill(wrong, problemBox(asProblem(error)))), { tone: 'primary', autofocus: true }),
      ),
    );
  });
}

/** Asks for an invitation that somebody has in their hand. */
export function enterCode({ joined }) {
  const it = dialog(
    { title: t('chat.have-code'), className: 'small' },
    form({
      fields: [{ name: 'code', label: t('chat.code'), hint: t('chat.code-hint'), max: 200, autofocus: true }],
      label: t('chat.go'),
      submit: async ({ code: typed }) => {
        const id = await joinBy(typed.trim());
        if (!id) return;
        it.close();
        joined(id);
      },
    }),
  );
  return it;
}
