// The host's HTTP routes. Every failure is a Problem with words to show.

import { t, tOr, problemWords, faultWords } from './i18n.js';

/**
 * What could not be done. The words are the page's own, in the language of the moment, by the code (RFC 9457 member) and by where it
 * happened; `more` is what the host said, for whoever wants to know.
 */
export class Problem extends Error {
  constructor(body, { where, own = false } = {}) {
    super(body.detail || body.title || body.code);
    this.code = body.code || 'unknown';
    this.status = body.status || 0;
    this.fields = body.fields ?? {};
    this.where = where;
    // Of "consent-first": what the person is to be shown.
    this.sheet = body.sheet;
    this.more = own ? '' : [body.detail || body.title, body.remedy].filter(Boolean).join(' ');
  }

  get words() {
    const { kind, wait, fault } = this.fields;
    const cases = [kind, wait && 'wait', this.where].filter(Boolean);
    const scopes = this.fields.scopes?.split(' ').map((scope) => tOr(`scope.${scope}`, scope));
    return problemWords(this.code, cases, { ...this.fields, fault: faultWords(fault), scopes: scopes?.join(t('privacy.and')) });
  }

  get title() {
    return this.words[0];
  }

  get detail() {
    return this.words[1];
  }

  get remedy() {
    return this.words[2];
  }
}

/** A problem that the page itself found. */
export const problem = (code, fields) => new Problem({ code, fields }, { own: true });

/** A problem, whatever was thrown. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return problem('page-fault');
}

async function request(method, path, body, { ms = 30000, where, key } = {}) {
  const options = { method, headers: { accept: 'application/json', ...(key ? { 'idempotency-key': key } : {}) }, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(ms) };
  if (body instanceof Blob) {
    options.body = body;
    options.headers['content-type'] = body.type || 'application/octet-stream';
  } else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['content-type'] = 'application/json';
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw problem('unreachable');
  }
  const text = await response.text().catch(() => '');
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    answer = null;
  }
  if (response.ok && answer !== null) return answer;
  if (answer?.code) throw new Problem(answer, { where });
  throw problem('bad-answer', { status: response.status });
}

const get = (path) => request('GET', path);
const post = (path, body = {}, where, ms) => request('POST', path, body, { where, ms });

// The first opening of a program compiles it, which a slow machine needs time for; the host has its own bound.
const OPEN_MS = 180000;

export const api = {
  state: () => get('/api/state'),
  visitor: (language) => post('/api/visitor', { language }, 'visitor'),
  signIn: (code, pin) => post('/api/sign-in', { code, pin }, 'sign-in'),
  reset: () => post('/api/reset'),
  person: () => get('/api/person'),
  stay: () => post('/api/person/stay'),
  inbox: (after) => get(`/api/person/inbox?after=${after}`),
  markRead: (sequence) => post('/api/person/inbox/read', { sequence }),
  receipts: () => get('/api/person/receipts'),
  consents: () => get('/api/person/consents'),
  setConsent: (program, scope, granted) => post('/api/person/consents', { program, scope, granted }),
  signs: () => get('/api/person/sign'),
  chooseSign: (picture, word) => post('/api/person/sign', { picture, word }, 'sign'),
  profile: () => get('/api/person/profile'),
  setProfile: (fields) => post('/api/person/profile', { fields }, 'profile'),
  knownBy: () => get('/api/person/programs'),
  audit: (before) => get(`/api/person/audit${before ? `?before=${before}` : ''}`),
  forgetIn: (program) => post('/api/person/forget', { program }),
  setLanguage: (language) => post('/api/person/language', { language }),
  decode: (picture) => request('POST', '/api/decode', picture, { ms: 30000 }),
  open: (what) => post('/api/open', what, 'open', OPEN_MS),
  openAnswer: (body) => post('/api/open/answer', body, 'open', OPEN_MS),
  openSheet: (sheet, language) => post('/api/open/sheet', { sheet, language }, 'open'),
  scanPayment: (code, amount) => post('/api/codes/scan', amount === undefined ? { code } : { code, amount }, 'payment'),
  present: (pin) => post('/api/codes/present', { pin }, 'payment'),
  presented: () => get('/api/codes/presented'),
  withdraw: () => post('/api/codes/withdraw'),
  payment: (id) => get(`/api/payments/${encodeURIComponent(id)}`),
  confirmPayment: (id, body) => post(`/api/payments/${encodeURIComponent(id)}/confirm`, body, 'payment'),
  heldPayment: (id, action, pin) => post(`/api/payments/${encodeURIComponent(id)}/${action}`, { pin }, 'payment'),
  spending: () => get('/api/person/spending'),
  endSpending: (id) => post('/api/person/spending/end', { id }),
  counters: () => get('/api/staff'),
  counterPayments: ({ publisher, merchant }) => get(`/api/staff/payments?${new URLSearchParams({ publisher, merchant })}`),
  collect: (body, key) => request('POST', '/api/staff/collect', body, { where: 'counter', key }),
  counterAct: (id, body, key) => request('POST', `/api/staff/payments/${encodeURIComponent(id)}`, body, { where: 'counter', key }),
  merchants: () => get('/api/operator/merchants'),
  merchantKeys: (body) => post('/api/operator/merchants/keys', body),
  deliveries: ({ publisher, merchant }, before) => get(`/api/operator/notifications?${new URLSearchParams({ publisher, merchant, ...(before ? { before } : {}) })}`),
  retryDelivery: (body) => post('/api/operator/notifications/retry', body),
  receive: () => post('/api/receive', {}, 'payment'),
  receiveEnd: () => post('/api/receive/end'),
  transferSheet: (gift) => post('/api/transfers/sheet', gift, 'transfer'),
  transfer: (body, key) => request('POST', '/api/transfers', body, { where: 'transfer', key }),
  packetSheet: (gift) => post('/api/packets/sheet', gift, 'packet'),
  packet: (body, key) => request('POST', '/api/packets', body, { where: 'packet', key }),
  packetSeen: (id) => get(`/api/packets/${encodeURIComponent(id)}`),
  packetClaim: (id) => request('POST', `/api/packets/${encodeURIComponent(id)}/claim`, {}, { where: 'packet', key: `claim-${id}` }),
  chats: () => get('/api/chats'),
  chat: (id, window = '') => get(`/api/chats/${encodeURIComponent(id)}${window ? `?${window}` : ''}`),
  chatMake: (title) => post('/api/chats', title ? { title } : {}, 'chat'),
  chatInvitation: (code) => post('/api/chats/invitation', { code }, 'invitation'),
  chatJoin: (code) => post('/api/chats/join', { code }, 'invitation'),
  chatUnblock: (id) => post('/api/chats/unblock', { id }, 'chat'),
  ...Object.fromEntries(
    // What is done in one conversation, with the members that the protocol names.
    Object.entries({
      Say: (what) => ['say', what],
      Read: (number) => ['read', { number }],
      Title: (title) => ['title', { title }],
      Invite: () => ['invite', {}],
      Ask: (code) => ['ask', { code }],
      Answer: (answer) => ['answer', { answer }],
      Remove: (member) => ['remove', { member }],
      Block: (member, blocked) => ['block', { member, blocked }],
      Leave: () => ['leave', {}],
      Sheet: (gift) => ['sheet', gift],
      Give: (body) => ['give', body],
      Claim: (number) => ['claim', { number }],
    }).map(([name, make]) => [`chat${name}`, (id, ...rest) => {
      const [act, body] = make(...rest);
      return post(`/api/chats/${encodeURIComponent(id)}/${act}`, body, act === 'give' || act === 'sheet' ? 'payment' : 'chat');
    }]),
  ),
  chatOpen: (id, number) => post(`/api/chats/${encodeURIComponent(id)}/open`, { number }, 'open', OPEN_MS),
  operatorSignIn: (pin) => post('/api/operator/sign-in', { pin }, 'operator'),
  operatorSignOut: () => post('/api/operator/sign-out'),
  summary: () => get('/api/operator/summary'),
  setPublisher: (id, allowed) => post('/api/operator/publishers', { id, allowed }),
  chooseVersion: (program, version) => request('POST', '/api/operator/programs', { program, version }, { ms: OPEN_MS }),
  answerAsked: (publisher, name) => post('/api/operator/asked', name ? { publisher, name } : { publisher }),
  refreshPrograms: () => request('POST', '/api/operator/refresh', {}, { ms: OPEN_MS }),
  topUp: (person, amount, idempotencyKey) => post('/api/operator/top-up', { person, amount, idempotencyKey }, 'top-up'),
  resetAll: () => post('/api/operator/reset'),
  compact: () => request('POST', '/api/operator/compact', {}, { ms: 600000 }),
};
