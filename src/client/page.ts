/** The page or worker around a client, where there is one. */
import type { SocketClass } from './socket.ts';

/** The part of `window` or of a worker's `self` that is used here. Node has none of it. */
export interface Page {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  readonly document?: { readonly visibilityState: string };
}

interface Surroundings extends Page {
  readonly WebSocket: SocketClass;
  readonly reportError?: (error: unknown) => void;
}

/**
 * `lost` is called when the machine loses its network, `back` when it has it again and when the page
 * is seen again: timers sleep in a hidden page. The function it returns ends both.
 */
export function watchPage(page: Page | null, lost: () => void, back: () => void): () => void {
  const seen = (): void => {
    if (page?.document?.visibilityState !== 'hidden') back();
  };
  const heard = { offline: lost, online: back, visibilitychange: seen, pageshow: back };
  const each = (act: 'addEventListener' | 'removeEventListener'): void => {
    for (const [type, listener] of Object.entries(heard)) page?.[act]?.(type, listener);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}

/** What this runs in: its type is not known here. */
export const surroundings: Surroundings = Object(globalThis);

/** Where a browser tells of errors that nobody caught; the console elsewhere. */
export function reportError(error: unknown): void {
  (surroundings.reportError ?? console.error)(error);
}
