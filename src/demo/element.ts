/** Elements of the page: those that stand in it, and new ones, whose content is only ever text. */

/** @throws when the page has none, or another kind of one. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

interface About {
  readonly class?: string;
  readonly text?: string;
}

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  about: About = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (about.class !== undefined) made.className = about.class;
  if (about.text !== undefined) made.textContent = about.text;
  made.append(...children);
  return made;
}

const PINNED_PX = 40;

/** Whether a list is scrolled to its end, where it then should stay. */
export function isAtEnd(list: HTMLElement): boolean {
  return list.scrollHeight - list.scrollTop - list.clientHeight < PINNED_PX;
}

export function scrollToEnd(list: HTMLElement): void {
  list.scrollTop = list.scrollHeight;
}

/** Takes the oldest away until `max` are left. */
export function keepLast(list: HTMLElement, max: number): void {
  while (list.childElementCount > max) list.firstElementChild?.remove();
}
