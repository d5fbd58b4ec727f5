/** The process of a crowd: it does what its parent says, and tells how the crowd stands. */
import { Crowd } from './crowd.ts';
import type { CrowdOptions } from './crowd.ts';

export type Order =
  | { readonly verb: 'begin'; readonly options: CrowdOptions }
  | { readonly verb: 'state' | 'forget' };

let crowd: Crowd | null = null;

process.on('message', (order: Order) => {
  if (order.verb === 'begin') {
    crowd = new Crowd(order.options);
    void crowd.begin();
  }
  if (order.verb === 'forget') crowd?.forget();
  process.send?.(crowd?.state());
});
process.on('disconnect', () => process.exit(0));
