/** How a command ends: one table, which `--help` shows. */

export const EXITS = {
  ok: { code: 0, means: 'done; subscribe was ended by Ctrl-C or --count' },
  failed: { code: 1, means: 'failed, here or in the gateway, or a check did not pass' },
  usage: { code: 2, means: 'wrong arguments or configuration' },
  unreachable: { code: 3, means: 'the gateway cannot be reached' },
  refused: { code: 4, means: 'refused by the gateway: a key, a token, a rule, a name' },
} as const satisfies Record<string, { readonly code: number; readonly means: string }>;

export type Exit = keyof typeof EXITS;

/** Ends a command; the message is the one line that tells what to do. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly exit: Exit;

  constructor(exit: Exit, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
  }
}

export function exitsText(): string {
  const lines = Object.values(EXITS).map(({ code, means }) => `  ${code}  ${means}`);
  return ['Exit codes:', ...lines].join('\n');
}
