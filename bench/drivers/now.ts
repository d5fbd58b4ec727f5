/** One clock for all processes of a run: the machine's monotonic time in microseconds. */
const [seconds, nanoseconds] = process.hrtime();
const OFFSET_US = seconds * 1e6 + nanoseconds / 1e3 - performance.now() * 1e3;

/** `performance.now()` begins with its process and costs no memory; the offset makes it comparable. */
export function nowUs(): number {
  return OFFSET_US + performance.now() * 1e3;
}
