// The language switch: always in sight, in its own languages.

import { h } from './dom.js';
import { t, language, setLanguage, onLanguage } from './i18n.js';

/** Two buttons, one of them pressed. `until` gets what to call once it is gone. */
export function languageSwitch(className = '', until = null) {
  const make = (tag, text, lang) => h('button', { type: 'button', lang, 'data-language': tag, on: { click: () => setLanguage(tag) } }, text);
  const el = h('div', { class: `language ${className}`, role: 'group' }, make('zh', '中文', 'zh-CN'), make('en', 'EN', 'en'));
  const sync = () => {
    el.setAttribute('aria-label', t('lang.switch'));
    for (const button of el.children) button.setAttribute('aria-pressed', button.dataset.language === language() ? 'true' : 'false');
  };
  sync();
  const end = onLanguage(sync);
  until?.(end);
  return el;
}
