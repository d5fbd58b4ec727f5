/** What a gateway is told of tasks. */
import type { Values } from './option.ts';
import { TASK_OPTIONS } from './task-options.ts';

export interface TasksConfig {
  /** Of one name, on this gateway. */
  readonly concurrency: number;
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly backoffMs: number;
  readonly keepMs: number;
  readonly drainMs: number;
}

/** `isAlone`: there is no other gateway that could run them. */
export function tasksOf(values: Values, isAlone: boolean): TasksConfig {
  const concurrency = values.read(TASK_OPTIONS.taskConcurrency);
  if (concurrency === 0 && isAlone && values.sound(TASK_OPTIONS.taskConcurrency)) {
    values.refuse(TASK_OPTIONS.taskConcurrency, 'without redis.url nobody else could run them');
  }
  return {
    concurrency,
    attempts: values.read(TASK_OPTIONS.taskAttempts),
    timeoutMs: values.read(TASK_OPTIONS.taskTimeout),
    backoffMs: values.read(TASK_OPTIONS.taskBackoff),
    keepMs: values.read(TASK_OPTIONS.taskKeep),
    drainMs: values.read(TASK_OPTIONS.taskDrain),
  };
}
