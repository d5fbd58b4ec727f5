/** What a gateway answers to plain requests. */
import { request } from 'node:http';
import type { RequestOptions } from 'node:http';

/** The values of one meter of `/metrics`, by its label; '' for one without. */
export async function meter(http: string, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${http}/metrics`)).text();
  const line = new RegExp(`^sluice_${name}(?:\\{\\w+="(.*)"\\})? (\\S+)$`, 'gm');
  return new Map([...text.matchAll(line)].map(([, label = '', value]) => [label, Number(value)]));
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Unlike `fetch` it lets a test say any header, and opens a connection of its own. */
export function ask(
  url: string,
  { body = '', ...options }: RequestOptions & { readonly body?: string | Uint8Array } = {},
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const asked = request(url, { agent: false, ...options }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: Buffer.concat(chunks).toString() });
    });
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}

/** A call of the server API. */
export async function api(
  http: string,
  method: string,
  body: unknown,
  key = '',
): Promise<{ readonly status: number; readonly answer: Readonly<Record<string, unknown>> }> {
  const response = await fetch(`${http}/api/${method}`, {
    method: 'POST',
    headers: key === '' ? {} : { 'x-api-key': key },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, answer };
}
