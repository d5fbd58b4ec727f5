/** Names of tasks, and ids, which begin with them: `broadcast.V1StGXR8Z5jdHi6BmyT`. */
import { createHash, randomBytes } from 'node:crypto';

/** It is a part of keys and of ids. */
export const TASK_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

const SEPARATOR = '.';
const RANDOM_BYTES = 15;
/** Half of SHA-256: nobody finds two keys with the same. */
const DIGEST_BYTES = 16;

export function newTaskId(name: string): string {
  return name + SEPARATOR + randomBytes(RANDOM_BYTES).toString('base64url');
}

/** The same for the same key. */
export function taskIdOf(name: string, key: string): string {
  return name + SEPARATOR + digest(key);
}

/** '' for what is no id. */
export function nameOfTask(id: string): string {
  const [name = '', rest = '', ...more] = id.split(SEPARATOR);
  const isId = TASK_NAME.test(name) && /^[\w-]{1,64}$/.test(rest) && more.length === 0;
  return isId ? name : '';
}

/** Of an order: the same key with another order is a mistake. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest().toString('base64url', 0, DIGEST_BYTES);
}
