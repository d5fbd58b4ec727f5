/**
 * The ceiling of the protocol: the loop by hand, with each message in the words that a publication
 * of a client has in the native dialect. What is lost against `uws-joined` is bytes.
 */
import { joined } from './uws-joined.ts';

export const system = joined({
  head: Buffer.from('{"push":{"channel":"room","pub":{"data":'),
  tail: Buffer.from(
    ',"info":{"user":"publisher","client":"00000000-0000-4000-8000-000000000000"}}}}',
  ),
});
