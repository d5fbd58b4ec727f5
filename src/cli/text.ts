/** Values of others as text: in one line each, and without what a terminal would obey. */

/** Cc: escape sequences begin with one. The separators end a line for some readers. */
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu;

export function printable(text: string): string {
  return text.replaceAll(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** In JSON such characters stand within strings only, where an escape means the same. */
export function jsonText(value: unknown): string {
  return printable(JSON.stringify(value ?? null));
}

/** Data of a publication: a string as it is, anything else as JSON. */
export function dataText(data: unknown): string {
  return typeof data === 'string' ? printable(data) : jsonText(data);
}

/** Columns as wide as what stands in them. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

const SPANS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/** `2h 5m`: the two largest units. */
export function spanText(seconds: number): string {
  const parts: string[] = [];
  let left = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of SPANS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(' ') || '0s';
}
