// A person's yes to money that no program asks for, on the host's own sheet.

import { asProblem } from './api.js';
import { Sheets } from './sheet.js';

// What the person can put right on the sheet; anything else ends it.
const STAYS = new Set(['denied', 'limit', 'too-soon', 'unreachable']);

/** `send({ sheet, pin })` carries it out. Gives what came of it, null for no. */
export function agree(sheet, send) {
  return new Promise((resolve, reject) => {
    const sheets = new Sheets({ shown: true, socket: { send: (frame) => answer(frame) } });
    const answer = async ({ accepted, pin }) => {
      if (!accepted) return resolve(null);
      try {
        const done = await send({ sheet: sheet.id, pin });
        sheets.gone(sheet.id);
        resolve(done);
      } catch (error) {
        const problem = asProblem(error);
        if (STAYS.has(problem.code)) return sheets.open(sheet, { code: problem.code, fields: problem.fields, detail: problem.more });
        sheets.gone(sheet.id);
        reject(problem);
      }
    };
    sheets.open(sheet);
  });
}
