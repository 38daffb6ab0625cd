// The newest candles as figures, for those who do not see the picture or want the digits.

import { h } from './dom.js';
import { stamp, volume, when } from './format.js';

const ROWS = 20;
/** A narrow screen has room for the close and the volume. */
const COLUMNS = { Open: 'n s', High: 'n s', Low: 'n s', Close: 'n', Volume: 'n' };

export class Figures {
  #body = h('tbody');
  #fill = () => {};
  node = h('details', { class: 'candle-figures', ontoggle: () => this.#fill() },
    h('summary', null, `The newest ${ROWS} candles as figures`),
    h('table', null,
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Start'),
        ...Object.entries(COLUMNS).map(([head, of]) => h('th', { scope: 'col', class: of }, head)))),
      this.#body));

  /** Is filled when it is opened. */
  show(rows, timeframe, format) {
    this.#fill = () => {
      if (!this.node.open) return;
      const cells = (row) => [...[row.open, row.high, row.low, row.close].map(format), row.volume == null ? '–' : volume.format(row.volume)];
      const classes = Object.values(COLUMNS);
      this.#body.replaceChildren(...rows.slice(-ROWS).reverse().map((row) => h('tr', null,
        h('th', { scope: 'row', class: 'date' }, when(stamp(row.ts), timeframe)),
        ...cells(row).map((text, at) => h('td', { class: classes[at] }, text)))));
    };
    this.#fill();
  }
}
