/** The panel of the frames that this page sends and receives. */
import { byId, element, isAtEnd, keepLast, scrollToEnd } from './element.ts';
import { captionOf, printed } from './frame.ts';

const ROWS_MAX = 200;

type Direction = 'sent' | 'received';

const ARROWS = { sent: '↑', received: '↓' } as const;

export class Wire {
  readonly #list = byId('frames', HTMLOListElement);
  readonly #totals = byId('totals', HTMLParagraphElement);
  readonly #pause = byId('pause', HTMLButtonElement);
  readonly #frames = { sent: 0, received: 0 };
  readonly #bytes = { sent: 0, received: 0 };
  #isPaused = false;

  constructor() {
    const chatter = byId('chatter', HTMLInputElement);
    const show = (): void => {
      this.#list.classList.toggle('all', chatter.checked);
      scrollToEnd(this.#list);
    };
    chatter.addEventListener('change', show);
    this.#pause.addEventListener('click', () => {
      this.#isPaused = !this.#isPaused;
      this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    });
    show();
  }

  frame(direction: Direction, frame: string): number {
    const bytes = new TextEncoder().encode(frame).length;
    this.#frames[direction] += 1;
    this.#bytes[direction] += bytes;
    this.#tell();
    if (!this.#isPaused) this.#add(rowOf(direction, frame, bytes));
    return bytes;
  }

  /** Something that happened to the connection. */
  note(text: string): void {
    if (!this.#isPaused) this.#add(element('li', { class: 'note', text: `${nowText()}  ${text}` }));
  }

  #add(row: HTMLLIElement): void {
    const stays = isAtEnd(this.#list);
    this.#list.append(row);
    keepLast(this.#list, ROWS_MAX);
    if (stays) scrollToEnd(this.#list);
  }

  #tell(): void {
    const of = (direction: Direction): string =>
      `${ARROWS[direction]} ${this.#frames[direction]} · ${sizeText(this.#bytes[direction])}`;
    this.#totals.textContent = `${of('sent')}   ${of('received')}`;
  }
}

/** A row that opens: the frame in one line, and in many. */
function rowOf(direction: Direction, frame: string, bytes: number): HTMLLIElement {
  const caption = captionOf(frame, direction);
  const summary = element('summary', {}, [
    element('span', { class: 'arrow', text: ARROWS[direction] }),
    element('span', { class: 'hidden', text: direction }),
    element('time', { text: nowText() }),
    element('span', { class: 'caption', text: caption.text }),
    element('span', { class: 'size', text: sizeText(bytes) }),
    element('code', { text: frame.replaceAll('\n', ' ') }),
  ]);
  const details = element('details', {}, [summary]);
  // Most are never opened.
  details.addEventListener(
    'toggle',
    () => details.append(element('pre', { text: printed(frame) })),
    { once: true },
  );
  return element('li', { class: caption.isChatter ? `${direction} chatter` : direction }, [
    details,
  ]);
}

function nowText(): string {
  return new Date().toTimeString().slice(0, 8);
}

function sizeText(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
