// From a picture to texts: in a worker first, on the host where the page can't.

import { api, problem, asProblem } from './api.js';

let worker;
let ids = 0;
const waiting = new Map();

function ask(picture, thorough) {
  if (!worker) {
    worker = new Worker('/assets/decode-worker.js');
    worker.onmessage = ({ data }) => {
      waiting.get(data.id)?.(data);
      waiting.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const done of waiting.values()) done({ codes: [], ms: 0, error: event.message || 'worker' });
      waiting.clear();
    };
  }
  return new Promise((resolve) => {
    ids += 1;
    waiting.set(ids, resolve);
    worker.postMessage({ id: ids, picture, thorough }, [picture.data.buffer]);
  });
}

/** One frame of a camera. `{codes: [{text, position}], ms}`. */
export const decodeFrame = (picture) => ask(picture, false);

const MOST = 12 << 20;

/** Texts in a picture that a person chose; throws a problem when there are none. */
export async function decodeFile(file) {
  if (!file || file.size > MOST || (file.type && !file.type.startsWith('image/'))) throw problem('not-picture');
  let bitmap = null;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // The browser can't read it: the host may.
  }
  if (bitmap) {
    for (const side of [1600, 800]) {
      const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.fillStyle = '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const { codes } = await ask(context.getImageData(0, 0, canvas.width, canvas.height), true);
      const texts = [...new Set(codes.map((code) => code.text))];
      if (texts.length) return texts;
      if (scale === 1) break;
    }
  }
  try {
    const { codes } = await api.decode(file);
    if (codes?.length) return [...new Set(codes)];
  } catch (error) {
    const found = asProblem(error);
    if (found.code !== 'no-code') throw found;
  }
  throw problem('no-code');
}
