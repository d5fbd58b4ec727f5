/** `task`: how far a task is, and how it ended. */
import * as z from 'zod';
import { text } from '../fields.ts';
import { method } from '../method.ts';
import { taskResult, taskWire } from '../task-wire.ts';

export const task = method({
  name: 'task',
  summary: 'How far a task is, and how it ended.',
  request: z.strictObject({ id: text('What `enqueue` answered.').min(1) }),
  result: taskResult,
  async run(operations, { id }) {
    return taskWire(await operations.tasks.find(id));
  },
});
