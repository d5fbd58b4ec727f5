/** The idempotency key of what a task publishes: a task that is run twice publishes once. */
export function keyOf(id: string): string {
  return `task:${id}`;
}
