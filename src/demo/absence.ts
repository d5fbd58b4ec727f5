/** The button that cuts the socket, and what is told of the time until it is back. */
import { byId } from './element.ts';
import { publishByApi } from './terminal.ts';

const COUNT_MS = 100;

const MEANWHILE = [1, 2, 3].map((number) => `published while somebody was cut off, ${number} of 3`);

export class Absence {
  readonly #button = byId('cut', HTMLButtonElement);
  readonly #count = byId('cut-count', HTMLSpanElement);
  #leftMs: number | null = null;
  #counting: ReturnType<typeof setInterval> | undefined;

  constructor(cut: () => void) {
    this.#button.addEventListener('click', () => {
      // Not `disabled`, which would take the focus away.
      if (this.#leftMs !== null) return;
      cut();
      publishByApi(MEANWHILE).catch((error: unknown) => {
        this.#count.textContent = `nothing was published meanwhile: ${String(error)}`;
      });
    });
  }

  begin(): void {
    if (this.#leftMs !== null) return;
    const leftMs = performance.now();
    this.#leftMs = leftMs;
    this.#button.setAttribute('aria-disabled', 'true');
    this.#counting = setInterval(() => {
      this.#count.textContent = `away for ${seconds(performance.now() - leftMs)}`;
    }, COUNT_MS);
  }

  /** How long it was, in words; '' when there was none. */
  end(): string {
    if (this.#leftMs === null) return '';
    const away = `away for ${seconds(performance.now() - this.#leftMs)}`;
    this.#leftMs = null;
    clearInterval(this.#counting);
    this.#button.removeAttribute('aria-disabled');
    this.#count.textContent = away;
    return away;
  }

  tell(text: string): void {
    this.#count.textContent = text;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
