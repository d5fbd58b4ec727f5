/** What comes in at the edge: connections become sessions, requests find their routes. */
import type { Codec } from '../protocol/codec.ts';
import type { Line } from '../session/session.ts';
import type { Receiver } from '../session/transport.ts';
import type {
  EdgeHandlers,
  HttpRequest,
  HttpResponse,
  RequestHead,
  UpgradeAnswer,
} from './edge.ts';
import { originAllowed } from './origins.ts';
import type { Router } from './router.ts';
import { plain } from './router.ts';

export const CONNECTION_PATH = '/connection/websocket';

/** Subprotocols and what is spoken after each; '' is for a client that offers none. */
export type Codecs = ReadonlyMap<string, Codec>;

export interface FrontOptions {
  readonly router: Router;
  /** False where there are only routes. */
  readonly connects: boolean;
  readonly codecs: Codecs;
  readonly origins: readonly string[] | 'all';
  readonly connectionsMax: number;
  /** Connections there are. */
  connections(): number;
  /** False while shutting down. */
  accepting(): boolean;
  open(line: Line): Receiver;
  /** Counts an upgrade that was refused, by the status it was answered with. */
  countRefused(status: string): void;
}

export class Front implements EdgeHandlers {
  readonly #options: FrontOptions;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  upgrade(head: RequestHead): UpgradeAnswer {
    const offered = subprotocols(head.headers.get('sec-websocket-protocol'));
    const protocol = offered.find((name) => this.#options.codecs.has(name)) ?? '';
    const codec = this.#options.codecs.get(protocol);
    const refusal = this.#refusal(head);
    if (refusal !== null) return this.#refuse(refusal);
    if (codec === undefined || (protocol === '' && offered.length > 0)) {
      const known = [...this.#options.codecs.keys()].filter((name) => name !== '').join(', ');
      const words = `no subprotocol ${offered.join(' or ')} here; there are ${known}\n`;
      return this.#refuse(plain(400, words));
    }
    const { headers, remoteAddress } = head;
    const origin = { headers, remoteAddress };
    return {
      accepted: true,
      protocol,
      open: (transport) => this.#options.open({ transport, codec, origin }),
    };
  }

  http(request: HttpRequest): Promise<HttpResponse> {
    if (this.#options.connects && request.path === CONNECTION_PATH) {
      return Promise.resolve({
        ...plain(426, 'this is the place for a WebSocket\n'),
        headers: { upgrade: 'websocket' },
      });
    }
    return this.#options.router.handle(request);
  }

  #refusal(head: RequestHead): HttpResponse | null {
    const { connects, origins, connectionsMax } = this.#options;
    if (!connects) return plain(404, 'no client connects here\n');
    if (head.path !== CONNECTION_PATH) return plain(404, `connect to ${CONNECTION_PATH}\n`);
    if (!originAllowed(head.headers, origins)) {
      return plain(403, 'this origin is not allowed; see the option origins\n');
    }
    if (!this.#options.accepting()) return plain(503, 'shutting down\n');
    if (connectionsMax > 0 && this.#options.connections() >= connectionsMax) {
      return plain(503, 'too many connections\n');
    }
    return null;
  }

  #refuse(response: HttpResponse): UpgradeAnswer {
    this.#options.countRefused(String(response.status));
    return { accepted: false, response };
  }
}

function subprotocols(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
