// What conversations and their lines are called.

import { t, money } from './i18n.js';

/** What a conversation is called. */
export const chatTitle = (chat) => chat.title || t(chat.group ? 'chat.group' : chat.members > 1 ? 'chat.gone' : 'chat.alone');

/** The name of whoever a line is about. */
export const nameOf = (line) => (line.mine ? t('chat.you') : line.name || t('chat.gone'));

const LONGEST = 70;
const cut = (text) => ([...text].length > LONGEST ? `${[...text].slice(0, LONGEST).join('')}…` : text);

/** A line in one sentence, for lists and notices. */
export function lineWords(line) {
  if (!line) return t('chat.empty');
  const who = nameOf(line);
  if (line.kind === 'text') return t('chat.says', { who, what: cut(line.text) });
  if (line.kind === 'card') return t('chat.says', { who, what: `[${t('chat.card')}] ${line.card.title}` });
  if (line.kind === 'transfer') return t('chat.says', { who, what: `[${t('chat.transfer')}] ${money(line.amount, line.currency)}` });
  if (line.kind === 'packet') return t('chat.says', { who, what: `[${t('chat.packet')}] ${line.note}` });
  return t(`chat.line.${line.kind}`, { who });
}
