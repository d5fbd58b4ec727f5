/** The command that publishes into the room from a terminal, and the same from this page. */
import { byId } from './element.ts';
import { CHAT } from './said.ts';

/** What the gateway wrote into the page. */
function told(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}

/** Whether this page may use the API too: on its own port, and without a key. */
const isOpen = told('sluice-api-port') === '' && told('sluice-api-key') === '';

function commandOf(location: Location): string {
  const url = new URL('api/publish', location.href);
  const port = told('sluice-api-port');
  if (port !== '') url.port = port;
  const key = told('sluice-api-key') === '' ? '' : ` -H 'X-API-Key: <one of api.keys>'`;
  const body = JSON.stringify({ channel: CHAT, data: { text: 'hello' } });
  return `curl${key} ${url.href} \\\n  -d '${body}'`;
}

/** Shows the command, and copies it. */
export function showCommand(): void {
  const code = byId('command', HTMLElement);
  const copied = byId('copied', HTMLSpanElement);
  code.textContent = commandOf(location);
  const tell = (text: string): void => {
    copied.textContent = text;
    setTimeout(() => (copied.textContent = ''), 3000);
  };
  byId('copy', HTMLButtonElement).addEventListener('click', () => {
    copy(code).then(
      () => tell('copied'),
      () => {
        getSelection()?.selectAllChildren(code);
        tell('selected: copy it with Ctrl+C');
      },
    );
  });
}

/** Only pages of https and of this machine have a clipboard. */
async function copy(code: HTMLElement): Promise<void> {
  await navigator.clipboard.writeText(code.textContent);
}

const EACH_MS = 400;

/** Publishes into the room over the HTTP API, one message after the other. */
export async function publishByApi(texts: readonly string[]): Promise<void> {
  if (!isOpen) return;
  for (const text of texts) {
    await fetch('api/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ channel: CHAT, data: { text } }),
    });
    await new Promise((resolve) => setTimeout(resolve, EACH_MS));
  }
}
