// Words of the page in two languages, and how each writes money, bytes and time.

import { zh } from './i18n/zh.js';
import { en } from './i18n/en.js';
import { problems as problemsZh, faults as faultsZh } from './i18n/problems-zh.js';
import { problems as problemsEn, faults as faultsEn } from './i18n/problems-en.js';

const words = { zh, en };
const problems = { zh: problemsZh, en: problemsEn };
const faults = { zh: faultsZh, en: faultsEn };
const tags = { zh: 'zh-CN', en: 'en' };
const listeners = new Set();
let now = 'zh';

/** "zh" or "en". */
export const language = () => now;
/** BCP 47. */
export const languageTag = () => tags[now];
/** Calls back at each switch, until the function that it gives is called. */
export function onLanguage(run) {
  listeners.add(run);
  return () => listeners.delete(run);
}

/** Switches; `tag` is BCP 47 or "zh" / "en". */
export function setLanguage(tag) {
  now = String(tag ?? '').toLowerCase().startsWith('zh') ? 'zh' : 'en';
  document.documentElement.lang = tags[now];
  document.title = t('title');
  for (const run of listeners) run(now);
}

/** The words for a key; `{name}` is replaced. A missing key shows itself, so that it is found. */
export function t(key, params) {
  return put(words[now][key] ?? words.en[key] ?? key, params);
}

const put = (text, params) => (params ? text.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? '') : text);

/** Title, what happened and what to do for a problem's code; the first of `cases` that has words of its own counts. */
export function problemWords(code, cases, params) {
  const table = problems[now];
  const key = [...cases.map((one) => `${code}@${one}`), code, 'unknown'].find((name) => Object.hasOwn(table, name));
  return table[key].map((text) => put(text, params));
}

/** One sentence for what a program did wrong. */
export const faultWords = (code) => (Object.hasOwn(faults[now], code ?? '') ? faults[now][code] : '');

/** The words for a key, or the fallback where there are none. */
export const tOr = (key, fallback) => words[now][key] ?? fallback;

/** A name that comes as text or in both languages. */
export function named(names) {
  if (names === null || names === undefined) return '';
  if (typeof names !== 'object') return String(names);
  return names[now] || names.en || names.zh || '';
}

const cache = new Map();
function number(options) {
  const key = now + JSON.stringify(options);
  if (!cache.has(key)) cache.set(key, new Intl.NumberFormat(tags[now], options));
  return cache.get(key);
}

/** A decimal string with its currency. */
export function money(amount, currency) {
  try {
    return number({ style: 'currency', currency: currency || 'CNY', currencyDisplay: 'narrowSymbol' }).format(amount);
  } catch {
    return `${amount} ${currency ?? ''}`;
  }
}

/** Digits after the point of a currency's amounts. */
export const digits = (currency) => number({ style: 'currency', currency }).resolvedOptions().maximumFractionDigits;

/** A whole number with separators. */
export const count = (value) => number({ maximumFractionDigits: 0 }).format(value ?? 0);

/** Bytes with a unit that fits. */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  let size = Number(value) || 0;
  while (size >= 1024 && unit < 3) {
    size /= 1024;
    unit += 1;
  }
  return `${number({ maximumFractionDigits: size < 10 && unit ? 1 : 0 }).format(size)} ${units[unit]}`;
}

/** Microseconds with a unit that fits. */
export function micros(value) {
  const us = Number(value) || 0;
  if (us < 1000) return `${number({ maximumFractionDigits: 0 }).format(us)} µs`;
  if (us < 1e6) return `${number({ maximumFractionDigits: us < 1e4 ? 1 : 0 }).format(us / 1000)} ms`;
  return `${number({ maximumFractionDigits: 1 }).format(us / 1e6)} s`;
}

/** A duration in words: "2 min 5 s". */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return t('unit.s', { n: number({ maximumFractionDigits: seconds < 10 ? 1 : 0 }).format(seconds) });
  return t('unit.min', { m: Math.floor(seconds / 60), s: Math.round(seconds % 60) });
}

/** A moment, ms since 1970 or ISO 8601. */
export function moment(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(tags[now], today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }).format(date);
}
