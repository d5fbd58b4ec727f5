/** One line on the terminal that says what runs now; one line for each step where there is none. */
const { stderr } = process;

export function progress(text: string): void {
  if (stderr.isTTY) stderr.write(`\r\u001B[K${text}`);
  else stderr.write(`${text}\n`);
}

export function progressEnds(): void {
  if (stderr.isTTY) stderr.write('\r\u001B[K');
}
