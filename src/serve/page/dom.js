// Elements. Text is only ever set as text.

import { told } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
export const byId = (id) => document.getElementById(id);

/** Sets text only where it differs, so that selections and screen readers are left in peace. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/**
 * Does what a button is for, once at a time; `fault` tells why it could not be done. The button keeps its focus
 * meanwhile, which `disabled` would take.
 */
export async function press(button, fault, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  say(fault, '');
  try {
    await work();
  } catch (error) {
    say(fault, told(error));
  }
  button.setAttribute('aria-disabled', 'false');
}

/**
 * Keeps the children of `parent` in step with `items`: one that stays is updated and keeps its focus.
 * `make(item)` gives `{nodes, update(item)}`.
 */
export function keyed(parent, made, items, keyOf, make) {
  const focused = document.activeElement;
  const keys = new Set(items.map(keyOf));
  for (const [key, { nodes }] of made) {
    if (keys.has(key)) continue;
    nodes.forEach((node) => node.remove());
    made.delete(key);
  }
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (!made.has(key)) made.set(key, make(item));
    const { nodes, update } = made.get(key);
    update(item);
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
    }
  }
  // Who was in one that is gone goes on from the heading, not from the top of the page.
  if (!focused.isConnected) parent.closest('section').querySelector('h2').focus({ preventScroll: true });
}

const SHAPES = {
  queued: 'M6 2a4 4 0 1 0 0 8 4 4 0 1 0 0-8z',
  pending: 'M6 4.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 1 0 0-3z',
  running: 'M3 1.5v9l7.5-4.5z',
  completed: 'M1.5 6.5l3 3 6-7',
  partial: 'M6 1.5a4.5 4.5 0 1 0 0 9zM6 1.5a4.5 4.5 0 0 1 0 9',
  failed: 'M2 2l8 8M10 2l-8 8',
  interrupted: 'M3 2v8M9 2v8',
  no_data: 'M2 6h8',
  stale: 'M6 1.5l5 9h-10z',
};

/** A state as word and shape; colour only repeats it. */
export function stateMark(state) {
  const path = svg('path', { d: SHAPES[state] ?? SHAPES.pending });
  const mark = svg('svg', { viewBox: '0 0 12 12', 'aria-hidden': 'true' }, path);
  return h('span', { class: `state ${state}` }, mark, state.replace('_', ' '));
}
