// What is done with the page that `coverage --html` writes: node coverage.mjs SCENARIO URL.

import assert from 'node:assert/strict';
import { axe, open, picture, run, tabTo } from './browser.mjs';

const ready = '#map td[tabindex]';

/** From the keyboard alone: to a month, into its days, and out again. */
async function keys(url) {
  const { page, see, gone, close } = await open(url, { ready });
  await see('h1', 'Coverage of market.db');
  await tabTo(page, 'td[tabindex]');
  const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  assert.match(await at(), /^AAPL 1d, January 2024: 21 sessions; there are candles: 21$/);
  await page.keyboard.press('ArrowRight');
  assert.match(await at(), /^AAPL 1d, February 2024: 20 sessions; there are candles: 16, nothing there: 4$/);
  await page.keyboard.press('ArrowDown');
  assert.match(await at(), /^AAPL 1m, February 2024/);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('End');
  assert.match(await at(), /^AAPL 1d, March 2024/);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await see('.opened strong', 'AAPL 1d, February 2024');
  const days = await page.locator('.days td:not(.none)').evaluateAll((cells) => cells.map((cell) => cell.textContent));
  assert.deepEqual(days.slice(0, 4), ['1#', '2#', '5.', '6.']);
  assert.equal(days.length, 20);
  await page.keyboard.press('Escape');
  await gone('.opened');
  assert.match(await at(), /^AAPL 1d, February 2024/, 'the focus is where it was');
  await page.fill('#filter', 'nope');
  await see('#shown', 'no series');
  await page.fill('#filter', 'aap');
  await page.check('#gaps');
  await see('#shown', '1 to 2 of 2 series');
  await close();
}

/** Light and dark, wide and narrow, with a month open: nothing that a reader of screens stumbles over. */
async function looks(url) {
  for (const theme of ['light', 'dark']) {
    for (const width of [1440, 390]) {
      const { page, find, close } = await open(url, { ready, theme, width });
      await find('td.mixed').click();
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]), [], `${theme} ${width}`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'it scrolls sideways');
      await picture(page, `coverage-${theme}-${width}`);
      await close();
    }
  }
}

await run({ keys, looks });
