/** The messages of the room, in the order of their stream. */
import type { ClientInfo, Publication } from '../client/events.ts';
import { byId, element, isAtEnd, keepLast, scrollToEnd } from './element.ts';
import type { Message } from './said.ts';
import { messageOf } from './said.ts';

const ROWS_MAX = 300;

/** How a message came here. */
type Way = 'live' | 'history' | 'missed';

export class Room {
  readonly #list = byId('messages', HTMLOListElement);
  readonly #newest = byId('newest', HTMLButtonElement);
  readonly #tab: string;
  readonly #nameOf: (info: ClientInfo) => string;
  /** Sent and not back yet, by key. They stay at the end, in this order. */
  readonly #waiting = new Map<string, HTMLLIElement>();

  /** `tab` begins the keys of our own messages; `nameOf` is asked for who gave no name. */
  constructor(tab: string, nameOf: (info: ClientInfo) => string) {
    this.#tab = tab;
    this.#nameOf = nameOf;
    this.#newest.addEventListener('click', () => this.#toEnd());
    this.#list.addEventListener('scroll', () => {
      if (isAtEnd(this.#list)) this.#newest.hidden = true;
    });
  }

  /** What was said before we came; readers of screens are told only of what comes from now on. */
  begin(history: readonly Publication[]): void {
    const rows = history.map((publication) => this.#rowOf(publication, 'history'));
    this.#list.prepend(...rows);
    let author: string | undefined;
    for (const row of this.#list.querySelectorAll('li')) {
      row.classList.toggle('again', row.dataset['author'] === author);
      author = row.dataset['author'];
    }
    this.#toEnd();
    requestAnimationFrame(() => this.#list.setAttribute('aria-live', 'polite'));
  }

  add(publication: Publication, way: Way): void {
    const { key = '' } = messageOf(publication.data);
    this.#waiting.get(key)?.remove();
    this.#waiting.delete(key);
    this.#append(this.#rowOf(publication, way));
  }

  /** A line between the messages; the result changes its text. */
  note(text: string): (text: string) => void {
    const row = element('li', { class: 'note', text });
    this.#append(row);
    return (changed) => {
      row.textContent = changed;
    };
  }

  /** Shows what is on its way. The result tells why it will not arrive. */
  waits(message: Message & { readonly key: string }): (why: string) => void {
    const state = element('span', { class: 'offset', text: 'on its way' });
    const row = element('li', { class: 'message waiting' }, [
      element('span', { class: 'who', text: message.name ?? '' }),
      element('span', { class: 'said', text: message.text }),
      state,
    ]);
    row.dataset['author'] = this.#tab;
    this.#append(row);
    this.#waiting.set(message.key, row);
    this.#toEnd();
    return (why) => {
      // What was lost on its way may have arrived, and been recovered.
      if (!this.#waiting.delete(message.key)) return;
      row.classList.add('failed');
      state.textContent = `not sent: ${why}`;
    };
  }

  #append(row: HTMLLIElement): void {
    const stays = isAtEnd(this.#list);
    const [end = null] = this.#waiting.values();
    const before = end === null ? this.#list.lastElementChild : end.previousElementSibling;
    const author = before instanceof HTMLLIElement ? before.dataset['author'] : undefined;
    row.classList.toggle('again', author !== undefined && row.dataset['author'] === author);
    this.#list.insertBefore(row, end);
    keepLast(this.#list, ROWS_MAX);
    if (stays) this.#toEnd();
    else this.#newest.hidden = false;
  }

  #rowOf({ data, info, offset }: Publication, way: Way): HTMLLIElement {
    const message = messageOf(data);
    const isOwn = message.key?.startsWith(this.#tab) === true;
    const who = message.name ?? (info === null ? 'API' : this.#nameOf(info));
    const place = offset === 0 ? '' : String(offset);
    const row = element('li', { class: 'message' }, [
      element('span', { class: 'who', text: who }),
      element('span', { class: 'said', text: message.text }),
      element('span', { class: 'offset', text: way === 'missed' ? `missed · ${place}` : place }),
    ]);
    row.classList.toggle('own', isOwn);
    row.classList.toggle('missed', way === 'missed');
    row.dataset['offset'] = place;
    row.dataset['author'] = isOwn ? this.#tab : `${info?.client ?? ''} ${who}`;
    return row;
  }

  #toEnd(): void {
    this.#newest.hidden = true;
    scrollToEnd(this.#list);
  }
}
