// Before the first run: what a program can't do without, on the host's own sheet. Nothing of the program runs until the person accepts.

import { api, asProblem } from './api.js';
import { onLanguage, languageTag } from './i18n.js';
import { Sheets } from './sheet.js';

// What the person can put right on the sheet; anything else ends it.
const STAYS = new Set(['invalid', 'too-soon', 'unreachable']);

/** Opens; where the person is asked first, they are. Gives what was opened, null for who leaves. */
export async function openFirst(open) {
  try {
    return await open();
  } catch (error) {
    if (error.code !== 'consent-first') throw error;
    return askFirst(error);
  }
}

/** Asks with the sheet of that problem; what a wider version adds meanwhile is asked for on the next one. */
export function askFirst({ sheet: shown }) {
  let sheet = shown;
  return new Promise((resolve, reject) => {
    const sheets = new Sheets({ shown: true, socket: { send: (frame) => answer(frame) } });
    const again = onLanguage(() =>
      api
        .openSheet(sheet.id, languageTag())
        .then((said) => {
          sheet = said.sheet;
          sheets.open(sheet);
        })
        .catch(() => {}),
    );
    const end = (settle, value) => {
      again();
      sheets.gone(sheet.id);
      settle(value);
    };
    const answer = async ({ accepted, values }) => {
      if (!accepted) {
        again();
        api.openAnswer({ sheet: sheet.id, accepted: false }).catch(() => {});
        return resolve(null);
      }
      try {
        end(resolve, await api.openAnswer({ sheet: sheet.id, accepted: true, values }));
      } catch (error) {
        const problem = asProblem(error);
        if (problem.code === 'consent-first') return end(resolve, askFirst(problem));
        if (STAYS.has(problem.code)) return sheets.open(sheet, { code: problem.code, fields: problem.fields, detail: problem.more });
        end(reject, problem);
      }
    };
    sheets.open(sheet);
  });
}
