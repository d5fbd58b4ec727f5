/** How a task looks to others: in answers of the API, and in the channel that hears of it. */
import * as z from 'zod';
import type { WireObject } from '../protocol/wire.ts';
import type { Task } from '../tasks/tasks.ts';

const at = (means: string): z.ZodType => z.int().describe(`${means}, in milliseconds since 1970.`);

export const taskResult = z.looseObject({
  id: z.string(),
  name: z.string(),
  state: z.enum(['waiting', 'delayed', 'active', 'completed', 'failed', 'cancelled']),
  progress: z.unknown().optional().describe('What it told last of how far it is.'),
  result: z.unknown().optional().describe('Of a task that completed.'),
  error: z
    .looseObject({
      code: z.int(),
      message: z.string(),
      detail: z.string().optional().describe('What was thrown; not for clients.'),
    })
    .optional()
    .describe('Why the last attempt failed.'),
  attempts: z.int().min(0).describe('Attempts so far.'),
  attempts_max: z.int().min(1),
  enqueued_at: at('When it was handed in'),
  due_at: at('It is not run before'),
  started_at: at('When the last attempt began').optional(),
  finished_at: at('When it was over').optional(),
});

/** For the backend. */
export function taskWire(task: Task): WireObject {
  return { ...wireOf(task), error: task.error === null ? undefined : { ...task.error } };
}

/** For clients: what a handler threw is not for them. */
export function taskNews(task: Task): WireObject {
  const { error } = task;
  const said = error === null ? undefined : { code: error.code, message: error.message };
  return { ...wireOf(task), error: said };
}

function wireOf(task: Task): WireObject {
  return {
    id: task.id,
    name: task.name,
    state: task.state,
    progress: task.progress ?? undefined,
    result: task.result ?? undefined,
    attempts: task.attempts,
    attempts_max: task.attemptsMax,
    enqueued_at: task.enqueuedAtMs,
    due_at: task.dueAtMs,
    started_at: task.startedAtMs ?? undefined,
    finished_at: task.finishedAtMs ?? undefined,
  };
}
