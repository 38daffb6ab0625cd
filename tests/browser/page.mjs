// What is done with the page, one scenario a call: node page.mjs SCENARIO URL. The test that calls it holds the provider
// back and lets it go on where a scenario says how far it is.

import assert from 'node:assert/strict';
import { axe, open, picture, reached, run, tabTo, until } from './browser.mjs';

const NO_ANSWER = /Failed to load resource: (net::ERR_|the server responded with a status of 50[0-9])/;
const REFUSED = /Failed to load resource: the server responded with a status of 40[01]/;
const running = '#now article';
const row = '#jobs > tbody > tr:not(.details)';

async function ask(page, symbols) {
  await page.fill('#symbols', symbols);
  await page.fill('#start-date', '2024-01-02');
  await page.fill('#end-date', '2024-03-28');
  await page.press('#end-date', 'Enter');
}

/** Answers to requests that match are held back from now on, until they are let go. */
async function hold(page, pattern) {
  let [answer, letGo] = [];
  const answered = new Promise((resolve) => { answer = resolve; });
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route(pattern, async (route) => {
    const response = await route.fetch();
    answer();
    await held;
    await route.fulfill({ response });
  });
  return {
    /** One is held. */
    answered,
    async letGo() {
      const finished = page.waitForResponse(pattern).then((response) => response.finished());
      letGo();
      await finished;
      await page.unroute(pattern);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    },
  };
}

/** How far what is read has moved since it was counted, whoever moved it. */
const settled = async () => {
  for (let frames = 0; frames < 5; frames += 1) await new Promise(requestAnimationFrame);
  return globalThis.shifted;
};

/** From the form to the end, by events alone: nothing else is answered once the job runs. */
async function watch(url) {
  const { page, see, close, requests } = await open(url, { width: 390 });
  await ask(page, 'AAPL\nMSFT');
  await see(running, '50.0 %');
  await see('#link.live', 'live');
  await see('#started', '2 symbols, 2 slices: running.');
  // Half of it is stored: nothing may say that there is nothing.
  assert.doesNotMatch(await page.textContent('#series'), /holds no series yet/);
  await see('#series tr', 'AAPL');
  await until(page, () => document.title, (title) => title === '50 % · candlefile');
  const held = await hold(page, '**/recent*');
  await held.answered;
  await page.evaluate(() => {
    globalThis.shifted = 0;
    const add = (list) => list.getEntries().forEach(({ value }) => { globalThis.shifted += value; });
    new PerformanceObserver(add).observe({ type: 'layout-shift' });
  });
  await reached('half');
  await see(`${row}.completed`, '2/2');
  await see('#now', 'Nothing runs.');
  const shift = await page.evaluate(settled);
  assert(shift < 0.1, `what is read moved by ${shift} at the end`);
  // Its place is given back where nobody sees it.
  await page.setViewportSize({ width: 390, height: 300 });
  await page.locator('footer').scrollIntoViewIfNeeded();
  await until(page, () => document.getElementById('now').style.minHeight, (kept) => kept === '');
  await see('#started', '2 symbols, 2 slices: completed.');
  // What was answered before the end does not turn it back.
  await held.letGo();
  await see('#now', 'Nothing runs.');
  await see(`${row}.completed`, '2/2');
  assert.equal(requests(/\/events$/).length, 1);
  await see('#series tr', 'AAPL');
  await see('#series tr', 'MSFT');
  await see('#series .strip[aria-label^="covered 2024-01-02 to 2024-03-28"]');
  await close();
}

/** A slice fails beside one that goes on; its next step is done, and mends it. */
async function failure(url) {
  const { page, see, find, close } = await open(url);
  await ask(page, 'AAPL, MSFT');
  const strip = '#series tr[data-name="MSFT/1d"] .strip';
  await see(`${strip}[aria-label^="not asked 2024-01-02 to "]`);
  await reached('begun');
  await see(`${running} .errors li`, /MSFT 1d, 2024-01-02 to 2024-03-28.*no such luck/);
  // While the rest goes on.
  await see(`${strip}[aria-label*="failed 2024-01-02 to 2024-03-28"]`);
  // What was given up is not done.
  await see(`${running} .percent`, '0.0 %');
  await see(`${running} .figures`, /Done\s*0 of 2\s*Failed\s*1\s*Left\s*1/);
  await reached('failed');
  await see(`${row}.partial`, '1 of 2 slices failed');
  await see(`${row} .next`, 'look at its reasons and at the symbols; then Resume');
  await see('#started', '2 symbols, 2 slices: partial.');
  await tabTo(page, '#jobs button[aria-expanded]');
  await page.keyboard.press('Enter');
  const first = page.locator('#jobs .details tbody tr').first();
  await first.locator('.state.failed').waitFor();
  assert.match(await first.textContent(), /MSFT 1d.*no such luck/);
  await see('#jobs .details', 'fetched =');
  await find(`${row} button`, 'Resume').click();
  await see(`${row}.completed`, '2/2');
  await see('#jobs .details tbody tr', 'MSFT');
  await page.locator('#jobs .details .state.failed').waitFor({ state: 'detached' });
  await close();
}

/** What the provider refuses for good is told once, and not as if asking again would mend it. */
async function refused(url) {
  const { page, see, close } = await open(url);
  await ask(page, 'MSFT GOOG AMZN NVDA X:BTCUSD');
  await see(`${running} .errors li`, /2 times: .*HTTP 403.*\(.*MSFT 1d.*\)/);
  await see(`${running} .errors li`, /2 times: not asked: .*\(.*NVDA 1d.*\)/);
  assert.equal(await page.locator(`${running} .errors li`).count(), 2);
  await see(running, 'look at what the plan includes');
  // What was not asked for has not failed.
  await see(`${running} .figures`, /Done\s*0 of 5\s*Failed\s*2\s*Not asked\s*2\s*Left\s*1/);
  await page.reload();
  await see(running, 'look at what the plan includes');
  await see(`${running} .figures`, /Failed\s*2\s*Not asked\s*2/);
  await reached('refused');
  await see(`${row}.partial`, '2 of 5 slices failed, and 2 were not asked for');
  await see(row, '2 failed');
  await see(row, '2 not asked');
  await see(`${row} .next`, 'look at what the plan includes');
  await close();
}

/** How far what is read has moved by itself since the page was opened. */
const moved = () => new Promise((resolve) => {
  let sum = 0;
  const observer = new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  });
  observer.observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => resolve(sum), 200);
});

async function cancel(url) {
  const { page, see, gone, find, close } = await open(url);
  await ask(page, 'AAPL MSFT GOOG');
  await see(running, '33.3 %');
  await see(`${running} .hangs`, /(MSFT|GOOG) 1d hangs since \d\d:\d\d:\d\d \(\d+ s\), attempt 1 of 6; (MSFT|GOOG) 1d hangs, too\./);
  // Nobody knows how long that lasts.
  assert.match(await page.locator(`${running} .figures`).textContent(), /Time left(MSFT|GOOG) and 1 more hang/);
  await tabTo(page, '#now button');
  await page.keyboard.press('Enter');
  await gone(running);
  await see('#now-title:focus');
  await see(`${row}.interrupted`, 'stopped on request');
  await see('#ended', 'AAPL MSFT GOOG 1d: interrupted, stopped on request');
  await reached('cancelled');
  await find(`${row} button`, 'Resume').click();
  await see(`${row}.completed`, '3/3');
  await close();
}

async function reload(url) {
  const { page, see, close } = await open(url);
  await ask(page, 'AAPL MSFT');
  await see(running, '50.0 %');
  // As an address is that was cut off.
  await page.evaluate(() => history.replaceState(null, '', '#%'));
  await page.reload();
  await see(running, '50.0 %');
  await see(running, '1 of 2');
  await reached('reloaded');
  await see(`${row}.completed`, '2/2');
  await close();
}

/** A tab that is not to be seen holds no stream, and goes on where it was. */
async function hidden(url) {
  const { page, see, close, requests } = await open(url);
  const hide = (is) => page.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { value: now, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, is);
  await ask(page, 'AAPL MSFT');
  await see(running, '50.0 %');
  const stopped = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/events'));
  await hide(true);
  await stopped;
  await ask(page, 'NVDA');
  await see('#started', '1 symbol, 1 slice: queued');
  assert.equal(requests(/\/events$/).length, 1);
  const again = page.waitForRequest('**/events');
  await hide(false);
  assert.match((await again).headers()['last-event-id'], /-\d+$/);
  await reached('shown');
  await see(`${row}.completed`, '2/2');
  await see(`${row}.completed`, '1/1');
  await close();
}

/** Whether the hatch of a gap is in the picture: a stretch of tinted pixels near the upper edge, where candles are not. */
const hatched = () => {
  const canvas = [...document.querySelectorAll('.plot canvas')].sort((a, b) => b.width * b.height - a.width * a.height)[0];
  const { data } = canvas.getContext('2d').getImageData(0, 3, canvas.width, 1);
  let longest = 0;
  for (let at = 0, long = 0; at < data.length; at += 4) {
    long = Math.abs(data[at] - data[at + 1]) > 6 ? long + 1 : 0;
    longest = Math.max(longest, long);
  }
  return longest;
};

/** By keyboard alone: opened, read, gone back in, closed; with a hole in it. */
async function chart(url) {
  const { page, see, close, requests } = await open(url);
  // A hole is one; what nobody has asked for since is none.
  await see('#series tr[data-name="AAPL/1d"] .strip[aria-label*="hole 2024-02-05 to 2024-02-16; behind 2024-03-29 to "] i.hole');
  await see('#series tr[data-name="MSFT/1d"] .strip[aria-label*="2024-03-28; behind "] i.behind');
  assert.equal(await page.locator('#series tr[data-name="MSFT/1d"] .strip :is(.hole, .failed)').count(), 0);
  const daily = '#series tr[data-name="AAPL/1d"] button';
  await tabTo(page, daily);
  await page.keyboard.press('Enter');
  await see('#chart h2:focus', 'AAPL 1d');
  await see('.gaps-told', 'Missing here: 2024-02-05 to 2024-02-16. ');
  await see('.gaps-told', 'Not fetched yet: from 2024-03-29.');
  await see('.facts', '2024-01-02 to 2024-03-28 · 51 candles, all loaded · sample · raw prices');
  await see('.reading', '2024-03-28 O 190.42 H 192.50 L 190.17 C 191.51 V 3,357,394');
  await until(page, hatched, (wide) => wide > 20);
  await picture(page, 'gap');
  await tabTo(page, '#chart .plot');
  await page.keyboard.press('-');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await see(`${daily}:focus`);
  await tabTo(page, '#series tr[data-name="AAPL/1m"] button');
  await page.keyboard.press('Enter');
  await see('#chart .facts', 'older ones follow when you move back');
  await tabTo(page, '#chart .plot');
  // What nobody has asked for yet is no gap.
  await until(page, hatched, (wide) => wide === 0);
  // Each press goes to the oldest that is loaded; what is older comes by itself.
  const facts = () => document.querySelector('#chart .facts').textContent;
  for (let said = await page.evaluate(facts), before; !said.includes('all loaded'); said = await page.evaluate(facts)) {
    before = said;
    await page.keyboard.press('Home');
    await until(page, facts, (now) => now !== before);
  }
  await see('#chart .facts', '23,790 candles, all loaded');
  const pages = requests(/AAPL\?timeframe=1m/).map((request) => new URL(request.url()).searchParams).filter((query) => query.has('limit'));
  assert(pages.length > 3, `${pages.length} pages`);
  // Newest first, and none of them twice.
  pages.slice(1).forEach((query, at) => assert.equal(query.get('end'), pages[at].get('start')));
  await page.reload();
  await see('#chart h2', 'AAPL 1m');
  const bytes = await close();
  assert(bytes > 200_000, 'the charting library is loaded');
}

/** What is drawn is what the title names, whatever fails or comes late. */
async function charts(url) {
  const { page, see, gone, find, close } = await open(url, { expected: [NO_ANSWER] });
  const [first, other] = ['AAPL', 'MSFT'].map((symbol) => find(`#series tr[data-name="${symbol}/1d"] button`));
  // What stands in a row is of one moment, however old the list is.
  await page.route('**/api/v1/symbols', async (route) => {
    const { symbols } = await (await route.fetch()).json();
    await route.fulfill({ json: { symbols: symbols.map((one) => ({ ...one, candles: 7 })) } });
  });
  await page.reload();
  await see('#series tr[data-name="AAPL/1d"]:has(.strip) td.n.s', '51');
  await page.unroute('**/api/v1/symbols');
  await page.goto(url);
  const candlesOf = (symbol) => `#chart .plot[aria-label^="Candles and volume of ${symbol} 1d"]`;
  await first.click();
  await see('#chart .facts', '51 candles, all loaded');

  // One that cannot be loaded leaves nothing of the one before, and can be opened once it can.
  const broken = { error: { message: 'the file is busy', kind: 'busy', next: 'ask again in a moment' } };
  await page.route('**/historical/MSFT?*', (route) => route.fulfill({ status: 500, json: broken }));
  await other.click();
  await see('#chart h2', 'MSFT 1d');
  await see('#chart .fault', 'The file is busy. Next: ask again in a moment.');
  assert.equal(await page.locator('#chart .plot canvas').count(), 0);
  assert.equal(await page.textContent('#chart .facts'), '');
  await page.unroute('**/historical/MSFT?*');
  await other.click();
  await see('#chart .facts', '61 candles, all loaded');
  await see(candlesOf('MSFT'));
  await gone('#chart .fault', 'busy');

  // A late answer for the one before does not come into the one that is open.
  await first.click();
  await see(candlesOf('AAPL'));
  let held = await hold(page, '**/coverage/AAPL?timeframe=1d');
  await ask(page, 'MSFT');
  await held.answered;
  await other.click();
  await see(candlesOf('MSFT'));
  await held.letGo();
  assert.doesNotMatch(await page.textContent('#chart .gaps-told'), /2024-02/);
  await page.fill('#symbols', 'MSFT');
  await page.fill('#end-date', '2024-04-30');
  await page.press('#end-date', 'Enter');
  await see(candlesOf('MSFT'));
  await see('#chart .facts', '2024-01-02 to 2024-04-30');

  // Nor does it disturb where none is open any more.
  held = await hold(page, '**/coverage/MSFT?timeframe=1d');
  await ask(page, 'MSFT');
  await held.answered;
  await page.fill('#filter', 'AAPL');
  await page.click('#chart button:text("Close chart")');
  await see('#series-title:focus');
  await page.fill('#filter', '');
  await held.letGo();
  assert.equal(await page.textContent('#chart .fault'), '');
  await other.click();
  await see(candlesOf('MSFT'));
  await close();
}

async function restart(url) {
  const { page, see, gone, close } = await open(url, { expected: [NO_ANSWER] });
  await see('#jobs', 'No jobs yet.');
  await reached('opened');
  await see('#link.gone', 'no answer');
  await see('#gone', 'The server does not answer');
  await see('#as-of', /as of \d\d:\d\d:\d\d/);
  await see('#panels.old');
  await picture(page, 'gone');
  await reached('missed');
  await see('#link.live', 'live');
  await gone('#gone');
  await gone('#as-of');
  await gone('#panels.old');
  await see(`${row}.completed`, 'AAPL');
  await see('#series tr', 'AAPL');
  await close();
}

/** A server that hangs breaks nothing off: that it is not heard of is all there is to see. */
async function silent(url) {
  const prepare = (page) => page.clock.install();
  const { page, see, gone, close } = await open(url, { expected: [NO_ANSWER], prepare });
  await see('#jobs', 'No jobs yet.');
  await reached('opened');
  await page.clock.fastForward(12_000);
  // Sooner than any call is given up.
  await page.locator('#panels.old').waitFor({ timeout: 15_000 });
  await see('#gone', 'The server does not answer');
  await reached('seen');
  await see('#link.live', 'live');
  await gone('#panels.old');
  await close();
}

async function polling(url) {
  const prepare = (page) => page.route('**/events', (route) => route.abort());
  const { page, see, close } = await open(url, { expected: [NO_ANSWER], prepare });
  await ask(page, 'AAPL MSFT');
  await see('#link.polling', 'by polling');
  await see(running, '50.0 %');
  await reached('half');
  await see(`${row}.completed`, '2/2');
  await see('#link.live', 'live');
  await close();
}

async function token(url) {
  const { page, see, gone, close, requests } = await open(url, { expected: [REFUSED] });
  await see('#token:focus');
  await picture(page, 'token');
  await page.keyboard.type('wrong-token-wrong-token-wrong-token');
  await page.keyboard.press('Enter');
  await see('#locked-why', 'is not the one');
  await see('#token:focus');
  await page.fill('#token', process.env.TOKEN);
  await page.keyboard.press('Enter');
  await see('#link.live', 'live');
  await gone('#locked');
  await ask(page, 'AAPL');
  await see(`${row}.completed`, '1/1');
  assert.equal(await page.inputValue('#token'), '');
  await page.reload();
  await see(`${row}.completed`, '1/1');
  // It is kept where it ends with the tab, and nowhere else.
  const kept = await page.evaluate(() => [{ ...sessionStorage }, { ...localStorage }, document.cookie]);
  assert.deepEqual(kept, [{ token: process.env.TOKEN }, {}, '']);
  requests(/./).forEach((request) => assert(!request.url().includes(process.env.TOKEN)));
  await close();
}

/** Once a token is asked for nothing else is, and the focus is left where it is, until there is one. */
async function locked(url) {
  const { page, see, gone, close, requests } = await open(url, { expected: [REFUSED] });
  const refused = { error: { message: 'there must be a token', kind: 'token', next: 'send it' } };
  await page.route('**/events', (route) => route.fulfill({ status: 401, json: refused }));
  await ask(page, 'AAPL MSFT');
  await see('#token:focus');
  await see('#link.locked', 'locked');
  await page.focus('#theme');
  const asked = requests(/./).length;
  // As long as streams and polls would have waited before they tried again.
  await page.waitForTimeout(2000);
  assert.equal(requests(/./).length, asked);
  assert.equal(requests(/\/events$/).length, 1);
  await see('#theme:focus');
  await see('#link.locked', 'locked');
  await page.unroute('**/events');
  await page.fill('#token', process.env.TOKEN);
  await page.press('#token', 'Enter');
  await see('#link.live', 'live');
  await see('main:focus');
  await gone('#locked');
  await see(running, '50.0 %');
  await reached('unlocked');
  await see(`${row}.completed`, '2/2');
  await close();
}

async function form(url) {
  const { page, see, close, requests } = await open(url, { expected: [REFUSED] });
  await page.press('#symbols', 'Tab');
  await page.click('#start button');
  await see('#start-error', 'name at least one symbol');
  await see('#symbols:focus');
  await ask(page, 'AAPL not!a!symbol');
  await see('#start-error', 'Next: ');
  await see('#start-error', 'not!a!symbol');
  await ask(page, '');
  await see('#start-error', 'name at least one symbol');
  await see('#symbols:focus');
  // A date that is not finished, and one that no calendar has.
  const asked = requests(/\/backfill$/).length;
  for (const typed of ['0328', '02302024']) {
    await page.fill('#symbols', 'AAPL');
    await page.fill('#end-date', '');
    await page.focus('#end-date');
    await page.keyboard.type(typed);
    assert.equal(await page.inputValue('#end-date'), '');
    await page.click('#start button');
    await see('#start-error', 'the last day is no whole date: finish it, or empty it');
    await see('#end-date:focus[aria-invalid="true"]');
  }
  assert.equal(requests(/\/backfill$/).length, asked);
  await page.fill('#end-date', '');
  await page.click('#start button');
  await see('#started', '1 symbol');
  await close();
}

/** Ten thousand series: a page of them, and coverage for those that can be seen, two at a time. */
async function many(url) {
  let open_ = 0;
  let most = 0;
  const prepare = (page) => {
    page.on('request', (request) => { if (request.url().includes('/coverage/')) most = Math.max(most, (open_ += 1)); });
    page.on('requestfinished', (request) => { if (request.url().includes('/coverage/')) open_ -= 1; });
  };
  const { page, see, close, requests } = await open(url, { prepare });
  await see('#series-pages', '1–50 of 10,000');
  assert.equal(await page.locator('#series tbody tr').count(), 50);
  await page.click('#series-pages button:last-child');
  await see('#series-pages', '51–100 of 10,000');
  await page.fill('#filter', 's09999');
  await see('#series-pages', '1–1 of 1');
  await see('#series tr .strip[aria-label^="nothing asked for yet"], #series tr .strip[aria-label^="missing"]');
  const asked = requests(/\/coverage\//).length;
  assert(asked < 100, `${asked} series were asked about`);
  assert.equal(most, 2);
  await page.fill('#filter', 'no such');
  await see('#series', 'No series fits the filter.');
  await close();
}

/** Nothing serious for axe, in both themes and two widths; everything can be reached and left by Tab, and is seen to be. */
async function accessible(url) {
  for (const theme of ['light', 'dark']) {
    for (const width of [390, 1440]) {
      const { page, see, find, close } = await open(url, { theme, width });
      await see(running, '50.0 %');
      await see(`${row}.partial`, 'slices failed');
      await see('#series tr[data-name="AAPL/1d"]');
      const shift = await page.evaluate(moved);
      assert(shift < 0.1, `what is read moved by ${shift} on ${width} pixels`);
      await find('#jobs .partial button[aria-expanded]').click();
      await see('#jobs .details .state.failed');
      await find('#series tr[data-name="AAPL/1d"] button').click();
      await see('.gaps-told', 'Missing here');
      await until(page, hatched, (wide) => wide > 0);
      await page.mouse.move(0, 0);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      assert.deepEqual(serious.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]), [], `${theme} ${width}`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'it scrolls sideways');
      await picture(page, `${theme}-${width}`);
      await close();
    }
  }
  const { page, close } = await open(url, { width: 320 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'it scrolls sideways');
  const stops = new Set();
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const { activeElement: at } = document;
      if (at === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return { name: at.id || at.textContent, seen: outlineStyle !== 'none' && outlineWidth !== '0px' };
    });
    if (stop === null && stops.size > 0) break;
    assert(stop?.seen, `the focus is not to be seen on ${stop?.name}`);
    stops.add(stop.name);
  }
  assert(stops.has('symbols') && stops.has('filter') && stops.has('AAPL') && stops.has('Skip to content'), [...stops].join());
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true, 'Tab never leaves the page');
  await page.click('#theme');
  await page.click('#theme');
  await page.reload();
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
  await close();
}

await run({ accessible, cancel, chart, charts, failure, form, hidden, locked, many, polling, refused, reload, restart, silent, token, watch });
