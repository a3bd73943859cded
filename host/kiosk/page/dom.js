// The only place where nodes are made: createElement and textContent, never HTML from a string.

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an element. `props`: class, text, on (handlers), data, aria, and attributes or properties by name. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  apply(el, props);
  append(el, children);
  return el;
}

/** Makes an SVG element. */
export function s(tag, props, ...children) {
  const el = document.createElementNS(SVG, tag);
  apply(el, props);
  append(el, children);
  return el;
}

function apply(el, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') el.setAttribute('class', Array.isArray(value) ? value.filter(Boolean).join(' ') : value);
    else if (name === 'text') el.textContent = value;
    else if (name === 'on') for (const [event, run] of Object.entries(value)) el.addEventListener(event, run);
    else if (name === 'vars') for (const [key, to] of Object.entries(value)) el.style.setProperty(key, to);
    else if (name === 'ref') value(el);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
}

function append(el, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    el.append(child.nodeType ? child : document.createTextNode(String(child)));
  }
}

/** Replaces all children. */
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
  return el;
}

/** Sets or removes an attribute. */
export function attr(el, name, value) {
  if (value === undefined || value === null || value === false || value === '') el.removeAttribute(name);
  else if (el.getAttribute(name) !== String(value === true ? '' : value)) el.setAttribute(name, value === true ? '' : String(value));
}

/** Sets text only when it differs, so that live regions are not read out twice. */
export function setText(el, value) {
  const text = value ?? '';
  if (el.textContent !== text) el.textContent = text;
}

let last = 0;
/** An id for labels, unique in this document. */
export const uid = () => `y${(last += 1)}`;

/** Random and unique: works on plain HTTP too, where randomUUID is missing. */
export function token() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** True where a person asked for less motion. */
export const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Runs a Web Animation and waits for it; at once when motion is not wanted. */
export async function animate(el, frames, ms = 200) {
  if (still() || document.hidden || !el.isConnected) return;
  await el.animate(frames, { duration: ms, easing: 'cubic-bezier(.2,.7,.2,1)', fill: 'both' }).finished.then((a) => a.cancel()).catch(() => {});
}
