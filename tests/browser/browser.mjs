// Chromium for one scenario, and what must hold in every one: no error in the console, nothing that the page's policy
// forbids, nothing from another host, and few bytes.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.CANDLEFILE_BROWSER}/`);
const { chromium } = require('playwright-core');
export const { source: axe } = require('axe-core');

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
/** Bytes of all files of the page together. */
const LIMIT = 400_000;
const PATIENCE_MS = 40_000;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Tells the test how far the scenario is, and waits until it has done its part. */
export async function reached(where) {
  console.log(where);
  const { done } = await lines.next();
  assert(!done, `the test went away at: ${where}`);
}

let browser;

/** A page of its own at `url`. `expected` are console errors that belong to the scenario, `ready` is there once it has begun. */
export async function open(url, { width = 1440, theme = 'light', expected = [], ready = '#link.live, #link.polling, #link.locked', prepare = () => {} } = {}) {
  browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong = [];
  const requests = [];
  const sizes = new Map();
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.some((pattern) => pattern.test(message.text()))) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(error.stack));
  page.on('request', (request) => {
    requests.push(request);
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) wrong.push(`asks another host: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (!response.url().includes('/api/')) sizes.set(response.url(), response.body().then((body) => body.length, () => 0));
  });
  await prepare(page);
  await page.goto(url);
  await page.locator(ready).first().waitFor();

  const find = (selector, hasText) => page.locator(selector, { hasText }).first();
  return {
    page,
    requests: (pattern) => requests.filter((request) => pattern.test(request.url())),
    /** Waits until there is such an element with these words. */
    see: (selector, text) => find(selector, text).waitFor(),
    /** Waits until there is none. */
    gone: (selector, text) => find(selector, text).waitFor({ state: 'hidden' }),
    find,
    async close() {
      const bytes = (await Promise.all(sizes.values())).reduce((sum, size) => sum + size, 0);
      assert.deepEqual(wrong, []);
      assert(bytes < LIMIT, `the page loads ${bytes} bytes`);
      await context.close();
      return bytes;
    },
  };
}

/** Waits until what the page says is as it should be. */
export async function until(page, ask, holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const said = await page.evaluate(ask);
    if (holds(said)) return;
    assert(Date.now() < end, `it stays at ${said}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

/** Goes on with Tab until the focus is on an element that matches. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 300; presses += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`Tab never comes to ${selector}`);
}

/** A picture, where somebody wants to look at it. */
export async function picture(page, name) {
  const folder = process.env.CANDLEFILE_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** Runs the scenario that the command line names. */
export async function run(scenarios) {
  const [name, url] = process.argv.slice(2);
  try {
    await scenarios[name](url);
  } finally {
    await browser?.close();
  }
  process.exit(0);
}
