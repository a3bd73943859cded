// What comes for the person, as it comes: one line of server-sent events, which the browser takes up again where it broke off.

import { person, onPerson } from './store.js';

/** How soon a line that was refused is tried again: the browser does so by itself only for one that broke off. */
const AGAIN_MS = 5000;

let line = null;
let whose = null;
let seen = 0;
let again = 0;
const listeners = { message: new Set(), chat: new Set(), gap: new Set() };

/** Runs `run` with what each event of that kind says: "message", "chat", "gap". Gives a function that ends it. */
export function onMail(kind, run) {
  listeners[kind].add(run);
  return () => listeners[kind].delete(run);
}

const tell = (kind) => (event) => {
  seen = Math.max(seen, Number(event.lastEventId));
  const data = JSON.parse(event.data);
  for (const run of listeners[kind]) run(data, Number(event.lastEventId));
};

function follow(who) {
  endMail();
  whose = who && who.sign ? `${who.name} ${who.sign.picture}` : null;
  if (!who) return;
  seen = who.last ?? 0;
  listen();
}

function listen() {
  line = new EventSource(`/api/messages?after=${seen}`);
  line.addEventListener('error', () => {
    if (line?.readyState === EventSource.CLOSED) again = setTimeout(() => whose && listen(), AGAIN_MS);
  });
  for (const kind of Object.keys(listeners)) line.addEventListener(kind, tell(kind));
}

/** Follows whoever is at the seat from now on. */
export function followMail() {
  const changed = () => {
    const who = person();
    const now = who?.sign ? `${who.name} ${who.sign.picture}` : null;
    if (now !== whose) follow(who);
  };
  onPerson(changed);
  changed();
}

/** Whether a line is there: what comes is heard of without anybody asking. */
export const follows = () => line !== null && line.readyState === EventSource.OPEN;

export function endMail() {
  clearTimeout(again);
  line?.close();
  line = null;
  whose = null;
}
