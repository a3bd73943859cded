// What this page knows of the seat. In memory only: nothing of a person is ever put into the browser's storage.

let who = null;
const watchers = new Set();

/** The person at the seat, or null. */
export const person = () => who;

export function setPerson(next) {
  who = next;
  for (const run of watchers) run(who);
}

/** Calls back when the person, their balance or their inbox changes. */
export const onPerson = (run) => watchers.add(run);
