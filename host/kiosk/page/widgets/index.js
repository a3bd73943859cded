// Kind → widget. Checked against the host's table of widgets.

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { icon } from '../icons.js';
import * as layout from './layout.js';
import * as lists from './lists.js';
import * as content from './content.js';
import * as data from './data.js';
import * as controls from './controls.js';
import * as choices from './choices.js';

export const widgets = {
  page: layout.page,
  stack: layout.stack,
  row: layout.row,
  grid: layout.grid,
  card: layout.card,
  divider: layout.divider,
  list: lists.list,
  'list-item': lists.listItem,
  scroll: layout.scroll,
  tabs: lists.tabs,
  text: content.text,
  image: content.image,
  icon: content.icon,
  badge: content.badge,
  progress: data.progress,
  'fact-list': data.factList,
  table: data.table,
  qr: data.qr,
  button: controls.button,
  'text-field': controls.textField,
  'checkbox-group': choices.checkboxGroup,
  'radio-group': choices.radioGroup,
  select: choices.select,
  stepper: controls.stepper,
  switch: choices.toggle,
  'date-time': controls.dateTime,
};

// A program may be newer than this page: what it does not know stays visible, and so do the children.
function unknown(node) {
  const slot = h('div', { class: 'w-stack' });
  const el = h('div', { class: 'w-unknown', role: 'note' }, icon('puzzle'), h('span', { text: t('widget.unknown', { kind: node.kind }) }), slot);
  return { el, slot };
}

/** Makes the widget of a node: `{el, slot?, update?, placed?, destroy?}`. */
export const make = (node, ctx) => (Object.hasOwn(widgets, node.kind) ? widgets[node.kind] : unknown)(node, ctx);
