/** The methods of the HTTP API, by their names in its paths. */
import type { Method } from './method.ts';
import { archive } from './methods/archive.ts';
import type { CarryOut } from './methods/batch.ts';
import { batch } from './methods/batch.ts';
import { broadcastList } from './methods/broadcast-list.ts';
import { broadcast } from './methods/broadcast.ts';
import { cancelTask } from './methods/cancel-task.ts';
import { channels } from './methods/channels.ts';
import { disconnect } from './methods/disconnect.ts';
import { enqueue } from './methods/enqueue.ts';
import { historyRemove } from './methods/history-remove.ts';
import { history } from './methods/history.ts';
import { info } from './methods/info.ts';
import { presenceStats } from './methods/presence-stats.ts';
import { presence } from './methods/presence.ts';
import { publish } from './methods/publish.ts';
import { refresh } from './methods/refresh.ts';
import { rpc } from './methods/rpc.ts';
import { subscribe } from './methods/subscribe.ts';
import { task } from './methods/task.ts';
import { unsubscribe } from './methods/unsubscribe.ts';

/** The one whose answer is not wrapped in `result`: `{"replies":[…]}`, as clients of it read it. */
export const BATCH = 'batch';

export type Methods = ReadonlyMap<string, Method>;

export function methods(carryOut: CarryOut): Methods {
  return new Map<string, Method>([
    ['publish', publish],
    ['broadcast', broadcast],
    ['subscribe', subscribe],
    ['unsubscribe', unsubscribe],
    ['disconnect', disconnect],
    ['refresh', refresh],
    ['presence', presence],
    ['presence_stats', presenceStats],
    ['history', history],
    ['history_remove', historyRemove],
    ['archive', archive],
    ['channels', channels],
    ['info', info],
    ['rpc', rpc],
    ['enqueue', enqueue],
    ['task', task],
    ['cancel_task', cancelTask],
    ['broadcast_list', broadcastList],
    [BATCH, batch(carryOut)],
  ]);
}
