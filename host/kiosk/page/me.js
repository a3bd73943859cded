// What is the person's own: the secret sign that they chose, and what they say about themselves.

import { h, fill, uid } from './dom.js';
import { t, named } from './i18n.js';
import { icon } from './icons.js';
import { api, asProblem } from './api.js';
import { dialog, btn, problemBox, skeleton, toast, busy } from './ui.js';
import { signPicture } from './art.js';
import { person, setPerson } from './store.js';
import { scopeName } from './sheet.js';

const FIELDS = ['nickname', 'phone', 'address', 'region'];

/** The panel of the person's own things. */
export function showMe() {
  if (!person()) return;
  const sign = h('div', { class: 'me-sign' });
  const about = h('div', {}, skeleton(4));
  const part = (title, lead, body) => h('section', { class: 'privacy-section' }, h('h3', { class: 'privacy-title', text: title }), h('p', { class: 'row-note', text: lead }), body);
  const it = dialog({ title: t('me.you'), className: 'panel' }, h('div', { class: 'panel-body' }, part(t('me.sign'), t('me.sign-d'), sign), part(t('me.about'), t('me.about-d'), about)));
  drawSign(sign);
  drawAbout(it, about);
}

function drawSign(place) {
  const who = person();
  if (!who?.sign) return;
  const choose = btn(t(who.signChosen ? 'me.sign-other' : 'me.sign-choose'), () => chooseSign(place), { tone: who.signChosen ? 'plain' : 'primary' });
  fill(place, h('div', { class: 'sign-large' }, signPicture(who.sign.picture), h('strong', { dir: 'auto', text: named(who.sign.word) })), who.signChosen ? null : h('p', { class: 'row-note', text: t('me.sign-drawn') }), choose);
}

async function chooseSign(place) {
  const wrong = h('div');
  let pictures;
  try {
    ({ pictures } = await api.signs());
  } catch (error) {
    return fill(place, problemBox(asProblem(error), btn(t('retry'), () => chooseSign(place))));
  }
  const who = person();
  if (!who) return;
  const name = uid();
  const wordId = uid();
  const hintId = uid();
  const word = h('input', { class: 'input', id: wordId, maxlength: '16', autocomplete: 'off', spellcheck: 'false', dir: 'auto', 'aria-describedby': hintId });
  const option = ({ picture, word: words }) =>
    h('label', { class: 'sign-option', title: named(words) }, h('input', { type: 'radio', name, value: picture, checked: picture === who.sign.picture, 'aria-label': named(words), on: { change: () => (word.placeholder = named(words)) } }), h('span', { class: 'sign-option-picture' }, signPicture(picture)));
  word.placeholder = named(pictures.find(({ picture }) => picture === who.sign.picture)?.word);
  const save = btn(t('me.save'), null, { tone: 'primary', submit: true });
  const form = h(
    'form',
    { class: 'form', novalidate: true },
    h('fieldset', { class: 'sign-options' }, h('legend', { class: 'field-label', text: t('me.sign-picture') }), pictures.map(option)),
    h('div', { class: 'field' }, h('label', { class: 'field-label', for: wordId, text: t('me.sign-word') }), word, h('p', { class: 'field-hint', id: hintId, text: t('me.sign-word-d') })),
    wrong,
    h('div', { class: 'dialog-actions' }, btn(t('me.cancel'), () => drawSign(place), { busyWhile: false }), save),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (save.classList.contains('busy')) return;
    busy(save, true);
    try {
      setPerson(await api.chooseSign(form.querySelector(':checked').value, word.value.trim()));
      drawSign(place);
      place.querySelector('button')?.focus();
      toast({ symbol: 'check', title: t('me.sign-saved'), tone: 'good' });
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
    } finally {
      busy(save, false);
    }
  });
  fill(place, form);
  const now = form.querySelector(':checked');
  now?.focus({ preventScroll: true });
  now?.closest('label').scrollIntoView({ block: 'nearest' });
}

async function drawAbout(it, place) {
  let fields;
  try {
    ({ fields } = await api.profile());
  } catch (error) {
    return fill(place, problemBox(asProblem(error), btn(t('retry'), () => drawAbout(it, place))));
  }
  if (!it.open) return;
  const wrong = h('div');
  const inputs = {};
  const field = (one) => {
    const id = uid();
    inputs[one] = h('input', { class: 'input', id, value: fields[one] ?? '', maxlength: one === 'nickname' ? '64' : '256', autocomplete: 'off', spellcheck: 'false', dir: 'auto', inputmode: one === 'phone' ? 'tel' : null, placeholder: t('me.about-none') });
    return h('div', { class: 'field' }, h('label', { class: 'field-label', for: id, text: scopeName(`identity.${one}`) }), inputs[one]);
  };
  const save = btn(t('me.save'), null, { tone: 'primary', submit: true });
  const form = h('form', { class: 'form', novalidate: true }, FIELDS.map(field), wrong, h('div', { class: 'dialog-actions' }, save));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (save.classList.contains('busy')) return;
    const changed = Object.fromEntries(FIELDS.map((one) => [one, inputs[one].value.trim()]).filter(([one, value]) => value !== (fields[one] ?? '')));
    fill(wrong);
    if (!Object.keys(changed).length) return;
    busy(save, true);
    try {
      ({ fields } = await api.setProfile(changed));
      setPerson(await api.person());
      toast({ symbol: 'check', title: t('me.about-saved'), tone: 'good' });
    } catch (error) {
      fill(wrong, problemBox(asProblem(error)));
    } finally {
      busy(save, false);
    }
  });
  fill(place, form);
}
