/**
 * Where the others point. A point is a fraction of a part of the page, not of the screen: the same
 * button is under it on a phone.
 */
import { byId, element } from './element.ts';

export interface Point {
  /** The `data-place` of a part of the page; '' is nowhere. */
  readonly place: string;
  readonly x: number;
  readonly y: number;
}

const NOWHERE: Point = { place: '', x: 0, y: 0 };
/** Between two signals of a moving cursor. */
const SEND_MS = 50;
/** One that does not move is hidden after it. */
const IDLE_MS = 15_000;

interface Cursor {
  readonly arrow: HTMLElement;
  readonly label: HTMLElement;
  point: Point;
  idle: ReturnType<typeof setTimeout> | null;
}

export class Cursors {
  readonly #layer = byId('cursors', HTMLDivElement);
  readonly #cursors = new Map<string, Cursor>();
  readonly #moved: (point: Point) => void;
  #next: Point | null = null;
  #isWaiting = false;

  /** `moved` is told where our own is, not more often than every `SEND_MS`. */
  constructor(moved: (point: Point) => void) {
    this.#moved = moved;
    const move = (event: PointerEvent): void => this.#move(pointOf(event));
    document.addEventListener('pointermove', move);
    document.addEventListener('pointerdown', move);
    document.documentElement.addEventListener('pointerleave', () => this.#move(NOWHERE));
    new ResizeObserver(() => this.#placeAll()).observe(document.body);
  }

  shows(client: string, name: string, point: Point): void {
    const cursor = this.#cursors.get(client) ?? this.#create(client);
    cursor.point = point;
    cursor.label.textContent = name;
    if (cursor.idle !== null) clearTimeout(cursor.idle);
    cursor.idle = setTimeout(() => this.left(client), IDLE_MS);
    place(cursor);
  }

  isCalled(client: string, name: string): void {
    const cursor = this.#cursors.get(client);
    if (cursor !== undefined) cursor.label.textContent = name;
  }

  left(client: string): void {
    const cursor = this.#cursors.get(client);
    if (cursor === undefined) return;
    if (cursor.idle !== null) clearTimeout(cursor.idle);
    cursor.arrow.remove();
    this.#cursors.delete(client);
  }

  /** Those who are still here come back with their next move. */
  clear(): void {
    for (const client of this.#cursors.keys()) this.left(client);
  }

  #create(client: string): Cursor {
    const label = element('span', { class: 'label' });
    const arrow = element('div', { class: 'cursor' }, [element('i'), label]);
    this.#layer.append(arrow);
    const cursor = { arrow, label, point: NOWHERE, idle: null };
    this.#cursors.set(client, cursor);
    return cursor;
  }

  #placeAll(): void {
    for (const cursor of this.#cursors.values()) place(cursor);
  }

  /** The first at once, and then the last of each while. */
  #move(point: Point): void {
    this.#next = point;
    if (!this.#isWaiting) this.#send();
  }

  #send(): void {
    const point = this.#next;
    this.#isWaiting = point !== null;
    if (point === null) return;
    this.#next = null;
    this.#moved(point);
    setTimeout(() => this.#send(), SEND_MS);
  }
}

function pointOf({ target, clientX, clientY }: PointerEvent): Point {
  const part = target instanceof Element ? target.closest<HTMLElement>('[data-place]') : null;
  if (part === null) return NOWHERE;
  const { left, top, width, height } = part.getBoundingClientRect();
  return {
    place: part.dataset['place'] ?? '',
    x: rounded((clientX - left) / width),
    y: rounded((clientY - top) / height),
  };
}

function rounded(fraction: number): number {
  return Math.round(fraction * 10_000) / 10_000;
}

function place({ arrow, point }: Cursor): void {
  const part = partOf(point.place);
  arrow.hidden = part === undefined;
  if (part === undefined) return;
  const { left, top, width, height } = part.getBoundingClientRect();
  const x = left + scrollX + point.x * width;
  const y = top + scrollY + point.y * height;
  arrow.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
}

/** By comparison: the name comes from somebody else, and is no selector. */
function partOf(name: string): HTMLElement | undefined {
  const parts = document.querySelectorAll<HTMLElement>('[data-place]');
  return [...parts].find((part) => part.dataset['place'] === name);
}
