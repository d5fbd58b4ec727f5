/** What the measured parts are given: messages as the drivers make them. */
import type { ClientInfo, Publication } from '../../src/channel/publication.ts';
import { placed } from '../../src/channel/publication.ts';
import { Json } from '../../src/kernel/data.ts';
import { stamper } from '../drivers/stamp.ts';

const stamp = stamper(100);
const info: ClientInfo = {
  client: '00000000-0000-4000-8000-000000000000',
  user: 'publisher',
  connInfo: null,
  chanInfo: null,
};

export function dataOf(seq: number): string {
  return stamp({ seq, stream: 0, timeUs: 0 });
}

export function publications(count: number, offset = 0): Publication[] {
  return Array.from({ length: count }, (_, i) => {
    const draft = { data: new Json(dataOf(i + 1)), info, tags: null, event: null };
    return placed({ ...draft, wantsDelta: false }, offset === 0 ? 0 : offset + i, 'epoch');
  });
}
