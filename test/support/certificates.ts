/** Certificates of the tests' own: an authority, and who it vouches for. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const DAYS = ['-days', '2'];

/** Files in PEM. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Vouches for others. Whoever makes one disposes of it. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));

  constructor(name = 'the authority of the tests') {
    this.#openssl('req', '-x509', ...KEY, ...DAYS, ...this.#outputs('ca'), '-subj', `/CN=${name}`);
  }

  get caFile(): string {
    return this.#path('ca.crt');
  }

  /** `names` as OpenSSL writes them: `DNS:localhost`, `IP:127.0.0.1`. */
  certify(of: string, ...names: readonly string[]): Certificate {
    const [keyFile, request] = [this.#path(`${of}.key`), this.#path(`${of}.csr`)];
    this.#openssl('req', ...KEY, '-keyout', keyFile, '-out', request, '-subj', `/CN=${of}`);
    const extensions = this.#path(`${of}.ext`);
    writeFileSync(extensions, names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`);
    const certFile = this.#path(`${of}.crt`);
    const signer = ['-CA', this.caFile, '-CAkey', this.#path('ca.key'), '-CAcreateserial'];
    const made = ['-extfile', extensions, '-out', certFile];
    this.#openssl('x509', '-req', '-in', request, ...signer, ...DAYS, ...made);
    return { certFile, keyFile };
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #outputs(name: string): string[] {
    return ['-keyout', this.#path(`${name}.key`), '-out', this.#path(`${name}.crt`)];
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}
