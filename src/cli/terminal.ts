/** What a command says: results on stdout, and all that is about them on stderr. */
import { styleText } from 'node:util';

/** A stream such as `process.stdout`. */
export interface Sink {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const STYLES = { faint: 'dim', good: 'green', odd: 'yellow', bad: 'red', head: 'bold' } as const;
export type Style = keyof typeof STYLES;

/** Back to the first column, and all that stands there is erased. */
const ERASE_LINE = '\r\u001b[2K';

/** How often a line of progress is written again. */
const PROGRESS_MS = 100;

export class Terminal {
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #plain: boolean;
  #hasProgress = false;
  #progressAtMs = -Infinity;

  /** `plain`: no colours, whatever the streams are. */
  constructor(out: Sink, err: Sink, plain: boolean) {
    this.#out = out;
    this.#err = err;
    this.#plain = plain;
  }

  /** A line of the result. */
  print(line: string): void {
    this.#erase();
    this.#out.write(`${line}\n`);
  }

  /** A line on stderr. */
  warn(line: string): void {
    this.#erase();
    this.#err.write(`${line}\n`);
  }

  /** What only somebody who looks on wants to know: a line on stderr if that is a terminal. */
  note(line: string): void {
    if (this.#err.isTTY === true) this.warn(this.#styled(line, 'faint', this.#err));
  }

  /** How far long work is: the next line takes its place. Silent where nobody looks on. */
  progress(line: string): void {
    const nowMs = performance.now();
    if (this.#err.isTTY !== true || nowMs - this.#progressAtMs < PROGRESS_MS) return;
    this.#progressAtMs = nowMs;
    this.#err.write(`${ERASE_LINE}${line}`);
    this.#hasProgress = true;
  }

  /** For stdout; as it is where there are no colours. */
  paint(text: string, style: Style): string {
    return this.#styled(text, style, this.#out);
  }

  #styled(text: string, style: Style, sink: Sink): string {
    if (this.#plain || sink.isTTY !== true || text === '') return text;
    // Whether the stream takes colours was decided above.
    return styleText(STYLES[style], text, { validateStream: false });
  }

  #erase(): void {
    if (this.#hasProgress) this.#err.write(ERASE_LINE);
    this.#hasProgress = false;
  }
}
