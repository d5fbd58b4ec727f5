/** Which web pages may open a connection: the answer to cross-site WebSocket hijacking (CWE-1385). */

/**
 * Whether a request with these headers may be upgraded. A browser always tells the page's origin;
 * who sends none is no browser, and has no user's cookies to abuse. A page of the gateway's own host
 * may connect; any other must be listed, letter for letter.
 */
export function originAllowed(
  headers: ReadonlyMap<string, string>,
  allowed: readonly string[] | 'all',
): boolean {
  const origin = headers.get('origin');
  if (origin === undefined || allowed === 'all') return true;
  return allowed.includes(origin) || isOwn(origin, headers.get('host'));
}

function isOwn(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false;
  return origin === `http://${host}` || origin === `https://${host}`;
}
