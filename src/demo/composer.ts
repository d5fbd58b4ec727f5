/** Where one writes: a name, a text, and the signal that somebody types. */
import { byId } from './element.ts';
import type { Own } from './own.ts';

export interface ComposerOwner {
  said(text: string): void;
  typing(typing: boolean): void;
  renamed(name: string): void;
}

/** Others believe it for somewhat longer. */
const SAY_AGAIN_MS = 2500;

class Composer {
  readonly #text = byId('text', HTMLInputElement);
  readonly #owner: ComposerOwner;
  #saidMs = 0;

  constructor(own: Own, owner: ComposerOwner) {
    this.#owner = owner;
    const name = byId('name', HTMLInputElement);
    name.value = own.name;
    name.addEventListener('change', () => {
      const given = name.value.trim();
      if (given !== '') owner.renamed(given);
      else name.value = own.name;
    });
    this.#text.addEventListener('input', () => this.#typed());
    this.#text.addEventListener('blur', () => this.#stopped());
    byId('composer', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #typed(): void {
    if (this.#text.value === '') {
      this.#stopped();
    } else if (Date.now() - this.#saidMs > SAY_AGAIN_MS) {
      this.#saidMs = Date.now();
      this.#owner.typing(true);
    }
  }

  #stopped(): void {
    if (this.#saidMs === 0) return;
    this.#saidMs = 0;
    this.#owner.typing(false);
  }

  #submit(): void {
    const text = this.#text.value.trim();
    this.#text.value = '';
    this.#text.focus();
    this.#stopped();
    if (text !== '') this.#owner.said(text);
  }
}

/** Lets somebody write. */
export function compose(own: Own, owner: ComposerOwner): Composer {
  return new Composer(own, owner);
}
