/** Whether somebody listens where an endpoint of the backend is. Nothing is asked. */
import { connect } from 'node:net';
import type { EndpointConfig } from '../../config/hooks.ts';
import { Deferred } from '../../kernel/deferred.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

const ANSWER_MS = 2000;

export type CheckedEndpoint = Pick<EndpointConfig, 'name' | 'url' | 'secret'>;

/** The URL is not shown: it may hold a secret. */
export async function checkEndpoint(endpoint: CheckedEndpoint): Promise<Finding> {
  const name = `endpoint ${endpoint.name}`;
  const why = await connecting(new URL(endpoint.url));
  if (why !== null) {
    const advice = 'look at its url, and whether the backend runs and this machine reaches it';
    return found(name, 'fail', `cannot be reached (${why})`, advice);
  }
  if (endpoint.secret === null) {
    const advice = 'set hooks.secret, so that the backend can tell who it is';
    return found(name, 'warn', 'somebody listens, but nothing is signed', advice);
  }
  return found(name, 'ok', 'somebody listens');
}

/** Null when it could be made. */
function connecting({ protocol, hostname, port }: URL): Promise<string | null> {
  const outcome = new Deferred<string | null>();
  const socket = connect({
    // A URL has brackets around an address of IPv6.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  });
  socket.setTimeout(ANSWER_MS, () => outcome.resolve(`no answer within ${ANSWER_MS / 1000} s`));
  socket.once('connect', () => outcome.resolve(null));
  socket.once('error', (error: NodeJS.ErrnoException) =>
    outcome.resolve(error.code ?? error.message),
  );
  return outcome.promise.finally(() => socket.destroy());
}
