/** Tasks that are over and kept, in the order in which they ended: of each name, and of all. */
import type { MemoryTask } from './memory-task.ts';

export class Shelf {
  readonly #all = new Set<MemoryTask>();
  readonly #byName = new Map<string, Set<MemoryTask>>();

  get size(): number {
    return this.#all.size;
  }

  sizeOf(name: string): number {
    return this.#byName.get(name)?.size ?? 0;
  }

  /** Undefined: there is none. */
  get oldest(): MemoryTask | undefined {
    return first(this.#all);
  }

  oldestOf(name: string): MemoryTask | undefined {
    return first(this.#byName.get(name) ?? []);
  }

  add(task: MemoryTask): void {
    const { name } = task.order;
    const ofName = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, ofName.add(task));
    this.#all.add(task);
  }

  remove(task: MemoryTask): void {
    this.#byName.get(task.order.name)?.delete(task);
    this.#all.delete(task);
  }
}

function first(tasks: Iterable<MemoryTask>): MemoryTask | undefined {
  const [task] = tasks;
  return task;
}
