// Keeps the DOM of one program equal to its view: nodes have stable ids, so nothing is guessed.

import { make } from './widgets/index.js';
import { attr } from './dom.js';

/** A program's view below `mount`. `ctx.send(node, kind, value)` gives an event id; `ctx.root(node)` learns of the root. */
export class Tree {
  constructor(mount, ctx) {
    this.mount = mount;
    this.ctx = { ...ctx, acks: new Map(), fire: (node, kind, value, done) => this.fire(node, kind, value, done) };
    this.nodes = new Map();
    this.root = null;
  }

  /** Events go out only where the program listens. `done(applied)` runs at the acknowledgement. */
  fire(node, kind, value, done) {
    if (!node.on.has(kind)) return null;
    const id = this.ctx.send(node.id, kind, value);
    if (done) this.ctx.acks.set(id, done);
    return id;
  }

  acked(eventId, applied) {
    const done = this.ctx.acks.get(eventId);
    this.ctx.acks.delete(eventId);
    done?.(applied);
  }

  /** A whole view; nodes that stay keep their DOM, and with it focus, scroll and what is being typed. */
  full(list) {
    const before = this.nodes;
    this.nodes = new Map();
    const [root] = this.build(list, before);
    for (const [id, node] of before) if (this.nodes.get(id) !== node) node.view.destroy?.();
    if (this.root !== root) this.mount.replaceChildren(root.view.el);
    this.root = root;
    this.ctx.root(root, true);
  }

  build(list, reuse) {
    let at = 0;
    const one = (parent) => {
      const wire = list[at];
      at += 1;
      let node = reuse?.get(wire.id);
      if (node && node.kind === wire.kind) {
        node.parent = parent;
        const names = new Set([...Object.keys(node.a), ...Object.keys(wire.a ?? {})]);
        const changed = new Set([...names].filter((name) => node.a[name] !== wire.a?.[name]));
        node.a = { ...wire.a };
        node.on = new Set(wire.on);
        this.nodes.set(node.id, node);
        this.update(node, changed);
      } else {
        node = { id: wire.id, kind: wire.kind, a: { ...wire.a }, on: new Set(wire.on), parent, children: [] };
        node.view = make(node, this.ctx);
        node.view.el.dataset.node = wire.id;
        this.nodes.set(node.id, node);
        this.update(node, null);
      }
      const children = [];
      for (let n = wire.n ?? 0; n > 0; n -= 1) children.push(one(node));
      this.place(node, children);
      return node;
    };
    const roots = [];
    while (at < list.length) roots.push(one(null));
    return roots;
  }

  // Puts the children into the slot in order and touches only those that stand elsewhere.
  place(node, children) {
    node.children = children;
    const slot = node.view.slot;
    if (!slot) return;
    const wanted = new Set(children.map((child) => child.view.el));
    for (const el of [...slot.children]) if (!wanted.has(el)) el.remove();
    children.forEach((child, index) => {
      if (slot.children[index] !== child.view.el) slot.insertBefore(child.view.el, slot.children[index] ?? null);
    });
    node.view.placed?.();
  }

  update(node, changed) {
    const { el } = node.view;
    el.hidden = node.a.hidden === true;
    el.classList.toggle('grow', node.a.grow === true);
    node.view.update?.(changed);
    if (node.a.described && !node.view.describes) attr(el, 'aria-label', node.a.described);
  }

  /** Applies a patch; false when it does not fit this tree. */
  patch(ops) {
    const touched = new Set();
    for (const op of ops) {
      const [what, id, x, y] = op;
      const node = this.nodes.get(id);
      if (!node) return false;
      if (what === 'set') {
        for (const [name, value] of Object.entries(x)) {
          if (value === null) delete node.a[name];
          else node.a[name] = value;
        }
        this.update(node, new Set(Object.keys(x)));
      } else if (what === 'on') {
        node.on = new Set(x);
        this.update(node, new Set(['on']));
      } else if (what === 'insert') {
        const added = this.build(y, null);
        for (const child of added) child.parent = node;
        node.children.splice(x, 0, ...added);
        this.insertAt(node, added, x);
        touched.add(node);
      } else if (what === 'remove') {
        if (!node.parent) return false;
        this.detach(node);
        touched.add(node.parent);
        this.forget(node);
      } else if (what === 'move') {
        const parent = this.nodes.get(x);
        if (!parent || !node.parent) return false;
        this.detach(node);
        touched.add(node.parent).add(parent);
        node.parent = parent;
        parent.children.splice(y, 0, node);
        this.insertAt(parent, [node], y);
      } else return false;
    }
    for (const node of touched) node.view.placed?.();
    if (this.root) this.ctx.root(this.root, false);
    return true;
  }

  insertAt(parent, nodes, index) {
    const { slot } = parent.view;
    if (!slot) return;
    const before = slot.children[index] ?? null;
    for (const child of nodes) slot.insertBefore(child.view.el, before);
  }

  detach(node) {
    const { children } = node.parent;
    children.splice(children.indexOf(node), 1);
    node.view.el.remove();
  }

  forget(node) {
    this.nodes.delete(node.id);
    node.view.destroy?.();
    node.children.forEach((child) => this.forget(child));
  }

  destroy() {
    if (this.root) this.forget(this.root);
    this.nodes.clear();
    this.ctx.acks.clear();
    this.root = null;
    this.mount.replaceChildren();
  }
}
