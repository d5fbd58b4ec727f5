/** `cancel_task`: a task that is not wanted any more. */
import * as z from 'zod';
import { text } from '../fields.ts';
import { method } from '../method.ts';
import { taskResult, taskWire } from '../task-wire.ts';

export const cancelTask = method({
  name: 'cancel_task',
  summary: 'End a task, unless it is over. One that runs is told to stop.',
  request: z.strictObject({ id: text('What `enqueue` answered.').min(1) }),
  result: taskResult,
  async run(operations, { id }) {
    return taskWire(await operations.tasks.cancel(id));
  },
});
