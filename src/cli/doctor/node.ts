/** Whether this Node is one the gateway runs on. */
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** As `engines` of package.json says. */
const MAJOR_MIN = 20;

export function checkNode(version: string): Finding {
  const name = 'node';
  const says = `Node ${version}`;
  if (Number.parseInt(version, 10) >= MAJOR_MIN) return found(name, 'ok', says);
  return found(name, 'fail', says, `install Node ${MAJOR_MIN} or later`);
}
