// Draws where candles are missing: a hatched band over a pane's whole height, with its word where there is room.

const HATCH = 7;

class Band {
  constructor(owner) { this.owner = owner; }
  zOrder() { return 'bottom'; }
  renderer() { return { draw: (target) => target.useMediaCoordinateSpace((scope) => this.owner.draw(scope)) }; }
}

export class GapShade {
  #chart = null;
  #gaps = [];
  #colour;
  #word;
  #views = [new Band(this)];

  constructor(colour, word) {
    this.#colour = colour;
    this.#word = word;
  }
  attached({ chart, requestUpdate }) {
    this.#chart = chart;
    this.requestUpdate = requestUpdate;
  }
  detached() { this.#chart = null; }
  paneViews() { return this.#views; }
  updateAllViews() {}

  set(gaps, colour = this.#colour) {
    this.#gaps = gaps;
    this.#colour = colour;
    this.requestUpdate?.();
  }

  draw({ context, mediaSize }) {
    if (!this.#chart) return;
    const scale = this.#chart.timeScale();
    const half = scale.options().barSpacing / 2;
    for (const gap of this.#gaps) {
      const [first, last] = [scale.timeToCoordinate(gap.first), scale.timeToCoordinate(gap.last)];
      if (first === null || last === null) continue;
      const left = Math.max(-HATCH, first - half);
      const right = Math.min(mediaSize.width + HATCH, last + half);
      if (right > 0 && left < mediaSize.width) this.#band(context, left, Math.max(3, right - left), mediaSize.height);
    }
  }

  #band(context, left, width, height) {
    context.save();
    context.strokeStyle = context.fillStyle = this.#colour;
    context.globalAlpha = 0.1;
    context.fillRect(left, 0, width, height);
    context.globalAlpha = 0.55;
    context.beginPath();
    context.rect(left, 0, width, height);
    context.clip();
    context.beginPath();
    for (let x = left - height; x < left + width; x += HATCH) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.stroke();
    context.globalAlpha = 1;
    context.font = '600 11px system-ui, sans-serif';
    const room = context.measureText(this.#word).width + 12;
    if (this.#word && width > room) {
      context.clearRect(left + (width - room) / 2, 6, room, 18);
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText(this.#word, left + width / 2, 15);
    }
    context.restore();
  }
}
