/** The scenarios, with our SDK and with the official one. */
import { describe, test } from 'vitest';
import { DRIVERS } from './drivers.ts';
import { Proxy } from './proxy.ts';
import { start } from './rig.ts';
import { backend, SCENARIOS } from './scenarios.ts';

describe.each(DRIVERS)('$name', (driver) => {
  test.each(SCENARIOS)('$name', async ({ run }) => {
    const messages: unknown[] = [];
    const { gateway, port } = await start({ hooks: backend(messages) });
    const proxy = await Proxy.to(port);
    await run({ driver, gateway, proxy, url: proxy.url, messages });
  });
});
