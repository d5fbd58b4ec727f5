/** Commands of one connection through its mailbox. */
import type { Lane } from '../../src/kernel/mailbox.ts';
import { Mailbox } from '../../src/kernel/mailbox.ts';
import type { Maybe } from '../../src/kernel/maybe.ts';
import type { Micro } from './micro.ts';

const ROOM: Lane = { name: 'room', width: Infinity };
const BOUNDS = { mailboxMessages: 1024, mailboxBytes: 1024 * 1024 };
const SOME = 100;

function mailbox(handle: () => Maybe<void>): Mailbox<number> {
  return new Mailbox({ handle }, BOUNDS);
}

export const MAILBOX: readonly Micro[] = [
  {
    name: 'mailbox: handled at once',
    prepare() {
      const box = mailbox(() => undefined);
      return (times) => {
        for (let left = times; left > 0; left -= 1) box.offer(left, ROOM, 100);
      };
    },
  },
  {
    name: `mailbox: ${SOME} that wait, and are dropped`,
    prepare() {
      const never = new Promise<void>(() => undefined);
      return (times) => {
        for (let left = times; left > 0; left -= 1) {
          const box = mailbox(() => never);
          for (let item = 0; item < SOME; item += 1) box.offer(item, ROOM, 100);
          box.close();
        }
      };
    },
  },
];
