/** How servers of Redis are believed over TLS, and believe us. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { ThrottledLog } from '../kernel/log.ts';

/** What is undefined is not set. The files are in PEM. */
export interface TlsOptions {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** The name that certificates must have; undefined: the host. */
  readonly serverName: string | undefined;
  /** Any certificate is taken. */
  readonly insecure: boolean;
}

export const PLAIN_TLS: TlsOptions = {
  caFile: undefined,
  certFile: undefined,
  keyFile: undefined,
  serverName: undefined,
  insecure: false,
};

/** @throws what the system or OpenSSL says of the files. */
export function tlsOf(options: TlsOptions, log: ThrottledLog): ConnectionOptions {
  const { caFile, certFile, serverName, insecure } = options;
  const common = {
    rejectUnauthorized: !insecure,
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
  if (caFile === undefined && certFile === undefined) return common;
  let context = contextOf(options);
  return {
    ...common,
    // Read anew for each connection: certificates are replaced while we run.
    get secureContext() {
      try {
        context = contextOf(options);
      } catch (error) {
        const { message } = error instanceof Error ? error : new Error(String(error));
        log.warn('redis tls', { error: message }, 'going on with the certificates from before');
      }
      return context;
    },
  };
}

function contextOf({ caFile, certFile, keyFile }: TlsOptions): SecureContext {
  const ca = caFile === undefined ? undefined : certificatesOf(caFile);
  return createSecureContext({ ca, cert: contentOf(certFile), key: contentOf(keyFile) });
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?(?:-----END CERTIFICATE-----|$)/g;

/** A secure context passes over those that it cannot read, and then believes nobody. */
function certificatesOf(path: string): string[] {
  const blocks = readFileSync(path, 'utf8').match(CERTIFICATE) ?? [''];
  return blocks.map((block) => new X509Certificate(block).toString());
}

function contentOf(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : readFileSync(path);
}
