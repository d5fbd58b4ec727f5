/** The options of tasks. */
import { duration, integer } from './measures.ts';
import { option } from './option.ts';

export const TASK_OPTIONS = {
  taskConcurrency: option('tasks.concurrency', integer(0), {
    default: 8,
    means:
      'tasks of one name that this gateway runs at once; 0: it runs none, and hands them in for others',
  }),
  taskAttempts: option('tasks.attempts', integer(1, 100), {
    default: 3,
    means: 'how often a task is tried, unless it says otherwise',
  }),
  taskTimeout: option('tasks.timeout', duration(1), {
    default: '1m',
    means: 'how long one attempt may take, unless the task says otherwise',
  }),
  taskBackoff: option('tasks.backoff', duration(1), {
    default: '1s',
    means: 'time until the second attempt; twice as long before each one after it, to 5m',
  }),
  taskKeep: option('tasks.keep', duration(1), {
    default: '1h',
    means: 'how long the result of a task is kept',
  }),
  taskDrain: option('tasks.drain', duration(0), {
    default: '5s',
    means: 'how long tasks that run may go on when the gateway closes; what is left is given back',
  }),
} as const;
