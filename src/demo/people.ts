/** Who is here, what they are called, and who types. */
import type { ClientInfo } from '../client/events.ts';
import { byId, element } from './element.ts';

/** More are only counted. */
const SHOWN_MAX = 12;
const NAMES_MAX = 1000;
/** Who types says so again within this time; who went away says nothing any more. */
const TYPING_MS = 4000;

interface Person {
  typing: ReturnType<typeof setTimeout> | null;
}

export class People {
  readonly #list = byId('people', HTMLUListElement);
  readonly #line = byId('typing', HTMLParagraphElement);
  #people = new Map<string, Person>();
  /** Who came (true) and went since it was asked who is here; null while nobody waits for that. */
  #changes: Map<string, boolean> | null = null;
  /** By connection: a name may come before it is known who is here. */
  readonly #names = new Map<string, string>();
  /** The connection of this page. */
  #own = { client: '', name: '' };

  get count(): number {
    return this.#people.size;
  }

  has(client: string): boolean {
    return this.#people.has(client);
  }

  nameOf(client: string): string {
    if (client === this.#own.client) return this.#own.name;
    return this.#names.get(client) ?? `someone ${client.slice(0, 4)}`;
  }

  iAm(client: string, name: string): void {
    this.#own = { client, name };
    this.#show();
  }

  /** It is asked who is here. Who comes or goes in the frame of the answer is heard of before it. */
  isAsked(): void {
    this.#changes = new Map();
  }

  /** The answer: all who are here. */
  are(infos: readonly ClientInfo[]): void {
    const before = this.#people;
    const here = new Set(infos.map(({ client }) => client));
    for (const [client, came] of this.#changes ?? []) {
      if (came) here.add(client);
      else here.delete(client);
    }
    this.#changes = null;
    this.#people = new Map(
      [...here].map((client) => [client, before.get(client) ?? { typing: null }]),
    );
    for (const [client, person] of before) {
      if (!this.#people.has(client)) stopTyping(person);
    }
    this.#show();
  }

  joined({ client }: ClientInfo): void {
    this.#changes?.set(client, true);
    if (!this.#people.has(client)) this.#people.set(client, { typing: null });
    this.#show();
  }

  left({ client }: ClientInfo): void {
    this.#changes?.set(client, false);
    const person = this.#people.get(client);
    if (person !== undefined) stopTyping(person);
    this.#people.delete(client);
    this.#names.delete(client);
    this.#show();
  }

  isCalled(client: string, name: string): void {
    this.#names.set(client, name);
    const [oldest] = this.#names.keys();
    if (this.#names.size > NAMES_MAX && oldest !== undefined) this.#names.delete(oldest);
    this.#show();
  }

  types(client: string, typing: boolean): void {
    const person = this.#people.get(client);
    if (person === undefined) return;
    stopTyping(person);
    if (typing) person.typing = setTimeout(() => this.types(client, false), TYPING_MS);
    this.#show();
  }

  #show(): void {
    const own = this.#own.client;
    const all = [...this.#people].toSorted(([a], [b]) => Number(b === own) - Number(a === own));
    const shown = all.slice(0, SHOWN_MAX);
    const rows = shown.map(([client, { typing }]) => this.#rowOf(client, typing !== null));
    const more = this.#people.size - shown.length;
    if (more > 0) rows.push(element('li', { class: 'dim', text: `and ${more} more` }));
    this.#list.replaceChildren(...rows);
    const typing = [...this.#people].filter(([, person]) => person.typing !== null);
    this.#line.textContent = typingText(typing.map(([client]) => this.nameOf(client)));
  }

  #rowOf(client: string, types: boolean): HTMLLIElement {
    const isOwn = client === this.#own.client;
    const name = element('span', { class: 'person', text: this.nameOf(client) });
    const you = isOwn ? [element('span', { class: 'dim', text: ' you' })] : [];
    return element('li', { class: types ? 'types' : '' }, [name, ...you]);
  }
}

function stopTyping(person: Person): void {
  if (person.typing !== null) clearTimeout(person.typing);
  person.typing = null;
}

function typingText(names: readonly string[]): string {
  const [first = '', second = ''] = names;
  if (names.length === 0) return '';
  if (names.length === 1) return `${first} is typing…`;
  if (names.length === 2) return `${first} and ${second} are typing…`;
  return `${names.length} people are typing…`;
}
