/** The last half minute of the connection as a line: a tick for each frame, a hole for each break. */
import { byId } from './element.ts';

const WINDOW_MS = 30_000;
/** Twenty pictures a second; one, where motion is not wanted. */
const DRAW_MS = 50;
const DRAW_STILL_MS = 1000;
const TICKS_MAX = 5000;

interface Tick {
  readonly atMs: number;
  /** Above 0 what was sent, below 0 what was received; up to 1, by its size. */
  readonly height: number;
}

/** A time with a connection. */
interface Span {
  readonly fromMs: number;
  /** Infinity: it lasts. */
  toMs: number;
}

export class Flow {
  readonly #canvas = byId('flow', HTMLCanvasElement);
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  #ticks: Tick[] = [];
  #spans: Span[] = [];

  constructor() {
    const again = (): void => {
      if (!document.hidden) this.#draw();
      setTimeout(again, this.#still.matches ? DRAW_STILL_MS : DRAW_MS);
    };
    again();
  }

  opened(): void {
    this.#spans.push({ fromMs: performance.now(), toMs: Infinity });
  }

  closed(): void {
    const last = this.#spans.at(-1);
    if (last !== undefined && last.toMs === Infinity) last.toMs = performance.now();
  }

  frame(direction: 'sent' | 'received', bytes: number): void {
    // 100 bytes are 0.4, 1,000 are 0.8.
    const height = Math.min(1, Math.max(0.15, (Math.log10(bytes) - 1) / 2.5));
    this.#ticks.push({
      atMs: performance.now(),
      height: direction === 'sent' ? height : -height,
    });
    if (this.#ticks.length > TICKS_MAX) this.#ticks.shift();
  }

  #draw(): void {
    const canvas = this.#canvas;
    const context = canvas.getContext('2d');
    if (context === null) return;
    const { clientWidth, clientHeight } = canvas;
    const ratio = devicePixelRatio;
    if (canvas.width !== Math.round(clientWidth * ratio)) {
      canvas.width = Math.round(clientWidth * ratio);
      canvas.height = Math.round(clientHeight * ratio);
    }
    const nowMs = performance.now();
    this.#ticks = this.#ticks.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    this.#spans = this.#spans.filter(({ toMs }) => toMs > nowMs - WINDOW_MS);
    const xOf = (atMs: number): number =>
      clientWidth * (1 - Math.min(WINDOW_MS, Math.max(0, nowMs - atMs)) / WINDOW_MS);
    const { color, accentColor, borderColor } = getComputedStyle(canvas);
    const middle = clientHeight / 2;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    context.fillStyle = borderColor;
    context.fillRect(0, middle - 0.5, clientWidth, 1);
    context.fillStyle = color;
    for (const { fromMs, toMs } of this.#spans) {
      const from = xOf(fromMs);
      context.fillRect(from, middle - 0.5, xOf(Math.min(toMs, nowMs)) - from, 1);
    }
    for (const { atMs, height } of this.#ticks) {
      context.fillStyle = height > 0 ? color : accentColor;
      const length = Math.max(3, Math.abs(height) * (middle - 1));
      context.fillRect(xOf(atMs) - 2, height > 0 ? middle - length : middle + 0.5, 2, length);
    }
  }
}
