// Pages of a long list: so many rows at a time, whatever its length.

import { h, say } from './dom.js';
import { count } from './format.js';

const ROWS = 50;

export function pager(what, turned) {
  let page = 0;
  let pages = 1;
  const turn = (by) => () => {
    page += by;
    turned();
  };
  const earlier = h('button', { type: 'button', 'aria-label': `Earlier ${what}`, onclick: turn(-1) }, '‹ Earlier');
  const later = h('button', { type: 'button', 'aria-label': `Later ${what}`, onclick: turn(1) }, 'Later ›');
  const where = h('span', { class: 'quiet n', role: 'status' });
  const node = h('div', { class: 'row pages' }, earlier, where, later);
  return {
    node,
    first() { page = 0; },
    slice(all) {
      pages = Math.max(1, Math.ceil(all.length / ROWS));
      page = Math.min(Math.max(0, page), pages - 1);
      const from = page * ROWS;
      const to = Math.min(all.length, from + ROWS);
      say(where, all.length ? `${count(from + 1)}–${count(to)} of ${count(all.length)}` : '');
      // A button that can do nothing keeps its focus; it says that it is out of work.
      earlier.setAttribute('aria-disabled', String(page === 0));
      later.setAttribute('aria-disabled', String(page === pages - 1));
      earlier.hidden = later.hidden = pages === 1;
      return all.slice(from, to);
    },
  };
}
