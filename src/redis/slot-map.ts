/** Which server of a Cluster has which slots, as its servers tell it. */
import type { Reply } from './reply.ts';
import { listOf, numberOf, textOf } from './reply.ts';
import { SLOTS } from './slot.ts';

export interface SlotMap {
  /** The address of the master of each slot; '' where none has it. */
  readonly masters: readonly string[];
  /** All servers, replicas too. */
  readonly servers: readonly string[];
}

/** Reads the answer to CLUSTER SLOTS of the server at `asked`. */
export function slotMapOf(reply: Reply, asked: string): SlotMap {
  const masters = Array.from({ length: SLOTS }, () => '');
  const servers = new Set<string>();
  for (const range of listOf(reply)) {
    const [from, to, ...nodes] = listOf(range);
    const addresses = nodes.map((node) => {
      const [host, port] = listOf(node);
      return addressOf(`${host === null ? '' : textOf(host)}:${numberOf(port)}`, asked);
    });
    for (const address of addresses) servers.add(address);
    masters.fill(addresses[0] ?? '', numberOf(from), numberOf(to) + 1);
  }
  return { masters, servers: [...servers] };
}

/**
 * Host and port as one server told them of another. A host that it does not say is its own: that
 * is how servers behind a name are configured to answer (`cluster-preferred-endpoint-type`).
 */
export function addressOf(told: string, teller: string): string {
  const { host, port } = placeOf(told);
  return host === '' || host === '?' ? `${placeOf(teller).host}:${port}` : told;
}

/** The port is after the last colon: IPv6 has more of them. */
export function placeOf(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
