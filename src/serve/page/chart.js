// One series as candles and volume: the newest first, older ones as they are scrolled to, gaps shown as gaps.

import { Fault } from './api.js';
import { Candles, withGaps } from './candles.js';
import { byId, h, say } from './dom.js';
import { count, day, decimals, isLabel, minute, span, stamp, told, unix, volume, when } from './format.js';
import { Figures } from './figures.js';
import { GapShade } from './gaps.js';
import { kindsOf, strip } from './strip.js';
import { coverageOf, nameOf } from './symbols.js';
import { inTurn } from './turns.js';

/** Older ones are loaded when fewer bars than this are left of the view. */
const AHEAD = 60;
const GAPS_TOLD = 6;

/** A colour of style.css as the chart's canvas takes it. */
function colour(name) {
  const probe = h('i', { class: `colour-${name}` });
  byId('chart').append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function look() {
  const [ink, line, ground, up, down] = ['quiet', 'line', 'panel', 'up', 'down'].map(colour);
  return {
    chart: {
      layout: { background: { color: ground }, textColor: ink, panes: { separatorColor: line } },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      timeScale: { borderColor: line },
      rightPriceScale: { borderColor: line },
    },
    // Up is hollow and down is filled: told apart without colour.
    candles: { upColor: ground, borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down },
    volume: { color: ink },
    gap: colour('missing'),
  };
}

export class Chart {
  #box = byId('chart');
  #plot = h('div', { class: 'plot', tabindex: '0', role: 'group', 'aria-roledescription': 'chart', 'aria-describedby': 'chart-keys' });
  #title = h('h2', { id: 'chart-title', tabindex: '-1' });
  #facts = h('p', { class: 'facts', id: 'chart-facts' });
  #legend = h('p', { class: 'reading' });
  #gapsText = h('p', { class: 'facts gaps-told' });
  #strip = h('div', { class: 'chart-strip' });
  #fault = h('p', { class: 'fault', role: 'alert' });
  #figures = new Figures();
  #others = h('div', { class: 'row others' });
  #lib = null;
  #chart = null;
  #bars = null;
  #volume = null;
  #shades = [];
  /** Of the series that is open, as far as they are loaded, and what was known of them last. */
  #candles = null;
  #latest = null;
  #coverage = null;
  #load;
  #byTime = new Map();
  #onClose;
  #onChoose;

  constructor({ close, choose }) {
    this.#onClose = close;
    this.#onChoose = choose;
    const keys = h('p', { class: 'quiet keys', id: 'chart-keys' }, 'Keys in the chart: ← → move, + − zoom, End newest, Home oldest loaded, Esc close.');
    const button = h('button', { type: 'button', onclick: () => this.close() }, 'Close chart');
    this.#box.append(
      h('div', { class: 'row' }, h('div', { class: 'grow' }, this.#title), this.#others, button),
      this.#facts, this.#legend, this.#fault, this.#plot, this.#strip, this.#gapsText, keys, this.#figures.node);
    this.#plot.addEventListener('keydown', (event) => this.#key(event));
  }

  get name() { return this.#candles ? nameOf(this.#candles.series) : null; }

  /** Opens a series; `others` are the ones of the same symbol. */
  open(series, others, focus) {
    if (this.name !== nameOf(series)) this.#begin(new Candles(series));
    this.#box.hidden = false;
    say(this.#title, `${series.symbol} ${series.timeframe}`);
    this.#others.replaceChildren(...others.map((other) => h('button', {
      type: 'button', 'aria-pressed': String(other.timeframe === series.timeframe), 'aria-label': `${other.symbol} ${other.timeframe}`,
      onclick: () => this.#onChoose(other),
    }, other.timeframe)));
    if (focus) {
      this.#title.focus({ preventScroll: true });
      this.#box.scrollIntoView({ block: 'nearest' });
    }
    this.refresh(series);
  }

  /** The series that is open may have changed in the file. */
  refresh(series) {
    this.#latest = series;
    this.#load();
  }

  close() {
    const { name } = this;
    this.#begin(null);
    this.#box.hidden = true;
    this.#onClose(name);
  }

  /** Nothing of the series before stays under the name of the next one, whether that can be loaded or not. */
  #begin(candles) {
    this.#candles = candles;
    this.#coverage = null;
    this.#load = inTurn(() => this.#loadInto(candles));
    this.#chart?.remove();
    this.#chart = null;
    [this.#facts, this.#legend, this.#gapsText, this.#fault].forEach((text) => say(text, ''));
    this.#plot.removeAttribute('aria-label');
    this.#strip.replaceChildren();
    this.#figures.show([]);
  }

  /** Loads what has changed, or else older ones where the view is near their end. */
  async #loadInto(candles) {
    // In every wait another series may be opened, or this one closed.
    const isOpen = () => candles === this.#candles;
    if (!isOpen()) return;
    const series = this.#latest;
    try {
      // A file of the server as any other answer of it: without it there is the same to be done.
      this.#lib ??= await import('./vendor/lightweight-charts.js').catch(() => { throw Fault.gone(); });
      const coverage = await coverageOf(series);
      if (!isOpen()) return;
      say(this.#fault, '');
      let isNew = false;
      if (coverage !== this.#coverage) isNew = await candles.again(series);
      else if (this.#isNearOldest) await candles.older();
      else return;
      if (!isOpen()) return;
      this.#coverage = coverage;
      this.#draw(isNew);
    } catch (error) {
      if (isOpen()) say(this.#fault, told(error));
    }
  }

  #make() {
    const { createChart, CandlestickSeries, HistogramSeries, ColorType, CrosshairMode } = this.#lib;
    const style = look();
    style.chart.layout.background.type = ColorType.Solid;
    this.#chart = createChart(this.#plot, {
      autoSize: true,
      ...style.chart,
      // Its logo brings a <style>, which the page's policy forbids; the footer has the link.
      layout: { ...style.chart.layout, attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { ...style.chart.timeScale, minBarSpacing: 0.3, rightOffset: 2 },
      kineticScroll: { mouse: false, touch: !matchMedia('(prefers-reduced-motion: reduce)').matches },
    });
    this.#bars = this.#chart.addSeries(CandlestickSeries, { ...style.candles, priceLineVisible: false });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      ...style.volume, priceFormat: { type: 'volume' }, priceLineVisible: false, lastValueVisible: false,
    }, 1);
    this.#chart.panes()[1].setStretchFactor(0.25);
    this.#shades = [new GapShade(style.gap, 'missing'), new GapShade(style.gap)];
    [this.#bars, this.#volume].forEach((drawn, at) => drawn.attachPrimitive(this.#shades[at]));
    this.#chart.subscribeCrosshairMove(({ time }) => this.#read(time));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      if (this.#isNearOldest) this.#load();
    });
  }

  #draw(fresh) {
    const { series, rows } = this.#candles;
    if (!this.#chart) this.#make();
    const places = decimals(rows.slice(-300).flatMap(({ open, high, low, close }) => [open, high, low, close]));
    const format = new Intl.NumberFormat('en', { minimumFractionDigits: places, maximumFractionDigits: places });
    this.format = (price) => format.format(price);
    this.#bars.applyOptions({ priceFormat: { type: 'custom', formatter: this.format, minMove: 10 ** -places } });
    const label = isLabel(series.timeframe);
    this.#chart.applyOptions({
      timeScale: { timeVisible: !label, secondsVisible: false },
      localization: { timeFormatter: (time) => (label ? day(stamp(time)) : minute(stamp(time))), locale: 'en' },
    });
    const scale = this.#chart.timeScale();
    const range = fresh ? null : scale.getVisibleRange();
    const { points, gaps } = withGaps(this.#candles, this.#missing);
    this.#byTime = new Map(rows.map((row) => [row.ts, row]));
    this.#bars.setData(points);
    this.#volume.setData(points.map(({ time, volume: value }) => (value == null ? { time } : { time, value })));
    this.#shades.forEach((shade) => shade.set(gaps));
    if (range) scale.setVisibleRange(range);
    else this.#newest(points.length);
    this.#describe(gaps);
    this.#figures.show(rows, series.timeframe, this.format);
    this.#read();
  }

  #newest(bars) {
    const wide = Math.max(40, Math.round(this.#plot.clientWidth / 6));
    this.#chart.timeScale().setVisibleLogicalRange({ from: Math.max(-2, bars - wide), to: Math.max(bars, 30) + 1 });
  }

  get #isNearOldest() {
    const range = this.#chart?.timeScale().getVisibleLogicalRange();
    return range?.from < AHEAD && !this.#candles.isWhole;
  }

  /** What should be here and is not: what nobody has asked for is none of it. */
  get #missing() {
    const { hole, failed } = kindsOf(this.#coverage);
    return [...hole, ...failed].sort((one, other) => unix(one.start) - unix(other.start));
  }

  /** What can be read without seeing the picture. */
  #describe(gaps) {
    const { series, rows, isWhole } = this.#candles;
    const { timeframe } = series;
    const total = `${count(series.candles)} candles`;
    const shown = isWhole ? 'all loaded' : `${count(rows.length)} loaded from ${when(stamp(rows[0]?.ts ?? 0), timeframe)}, older ones follow when you move back`;
    say(this.#facts, `${when(series.first, timeframe)} to ${when(series.last, timeframe)} · ${total}, ${shown} · ${series.source} · `
      + `${series.adjusted ? 'adjusted' : 'raw'} prices${isLabel(timeframe) ? '' : ' · UTC'}`);
    this.#strip.replaceChildren(strip(this.#coverage));
    const some = gaps.slice(-GAPS_TOLD).map((gap) => span(gap, timeframe)).join('; ');
    const more = gaps.length > GAPS_TOLD ? `; and ${count(gaps.length - GAPS_TOLD)} more` : '';
    const { provisional_from: provisional, nothing_from_provider: nothing } = this.#coverage;
    const without = nothing.slice(-GAPS_TOLD).map((one) => span(one, timeframe)).join('; ');
    const { behind: [behind] } = kindsOf(this.#coverage);
    const hasAll = gaps.length + nothing.length === 0 && !behind;
    say(this.#gapsText, [
      hasAll && 'Nothing is missing here.',
      gaps.length && `Missing here: ${some}${more}. A gap is drawn at most 80 bars wide.`,
      nothing.length && `The provider had nothing: ${nothing.length > GAPS_TOLD ? `${count(nothing.length)} stretches, the last of them ` : ''}${without}.`,
      behind && `Not fetched yet: from ${when(behind.start, timeframe)}.`,
      provisional && `May still change: from ${when(provisional, timeframe)}.`,
    ].filter(Boolean).join(' '));
    this.#plot.setAttribute('aria-label', `Candles and volume of ${series.symbol} ${timeframe}, ${this.#facts.textContent}`);
  }

  /** The candle under the cross, or the last one. */
  #read(time) {
    const row = this.#byTime.get(time) ?? (time === undefined ? this.#candles.rows.at(-1) : null);
    if (!row) {
      say(this.#legend, time === undefined ? 'No candles yet.' : `${when(stamp(time), this.#candles.series.timeframe)}  missing`);
      return;
    }
    const at = when(stamp(row.ts), this.#candles.series.timeframe);
    const parts = [['O', row.open], ['H', row.high], ['L', row.low], ['C', row.close]].map(([name, price]) => `${name} ${this.format(price)}`);
    say(this.#legend, [at, ...parts, `V ${row.volume == null ? '–' : volume.format(row.volume)}`].join('  '));
  }

  #key(event) {
    if (!this.#chart || event.altKey || event.ctrlKey || event.metaKey) return;
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const wide = range.to - range.from;
    const move = (by) => scale.setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
    const zoom = (factor) => scale.setVisibleLogicalRange({ from: range.to - Math.max(10, wide * factor), to: range.to });
    const act = {
      ArrowLeft: () => move(-wide / 8), ArrowRight: () => move(wide / 8), '+': () => zoom(0.7), '=': () => zoom(0.7), '-': () => zoom(1.4),
      Escape: () => this.close(),
      End: () => scale.scrollToRealTime(), Home: () => move(-range.from - 2),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** The theme has changed. */
  recolour() {
    if (!this.#chart) return;
    const style = look();
    this.#chart.applyOptions(style.chart);
    this.#bars.applyOptions(style.candles);
    this.#volume.applyOptions(style.volume);
    const { gaps } = withGaps(this.#candles, this.#missing);
    this.#shades.forEach((shade) => shade.set(gaps, style.gap));
  }
}

