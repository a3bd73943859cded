// The host's HTTP routes. Every failure is a Problem with words to show.

import { t } from './i18n.js';

/** What could not be done: RFC 9457 members. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || body.code);
    this.title = body.title || t('problem.title');
    this.detail = body.detail || '';
    this.remedy = body.remedy || '';
    this.code = body.code || 'unknown';
    this.status = body.status || 0;
  }
}

/** A problem that the page itself found. */
export const problem = (code, params) =>
  new Problem({ code, title: t(`problem.${code}.title`, params), detail: t(`problem.${code}.detail`, params), remedy: t(`problem.${code}.remedy`, params) });

/** A problem, whatever was thrown. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return problem('page-fault');
}

async function request(method, path, body, ms = 20000) {
  const options = { method, headers: { accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(ms) };
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
  if (answer?.code) throw new Problem(answer);
  throw problem('bad-answer', { status: response.status });
}

const get = (path) => request('GET', path);
const post = (path, body = {}) => request('POST', path, body);

export const api = {
  state: () => get('/api/state'),
  visitor: (language) => post('/api/visitor', { language }),
  signIn: (code, pin) => post('/api/sign-in', { code, pin }),
  reset: () => post('/api/reset'),
  person: () => get('/api/person'),
  inbox: (after) => get(`/api/person/inbox?after=${after}`),
  markRead: (sequence) => post('/api/person/inbox/read', { sequence }),
  receipts: () => get('/api/person/receipts'),
  consents: () => get('/api/person/consents'),
  setConsent: (program, scope, granted) => post('/api/person/consents', { program, scope, granted }),
  decode: (picture) => request('POST', '/api/decode', picture, 30000),
  open: (what) => post('/api/open', what),
  operatorSignIn: (pin) => post('/api/operator/sign-in', { pin }),
  operatorSignOut: () => post('/api/operator/sign-out'),
  summary: () => get('/api/operator/summary'),
  setPublisher: (id, allowed) => post('/api/operator/publishers', { id, allowed }),
  topUp: (person, amount, idempotencyKey) => post('/api/operator/top-up', { person, amount, idempotencyKey }),
  resetAll: () => post('/api/operator/reset'),
};
