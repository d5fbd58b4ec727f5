/** A server of Postgres that is not there, dies, stands still or is held up: nothing that was acknowledged is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { api, meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import { PostgresServer } from '../support/postgres.ts';
import { archived, archivedOn, archivingTo, channelIn, isUp, offsetsOf } from './gateways.ts';
import { ArchiveLoad, expectAll } from './load.ts';
import { SOON } from './rig.ts';

/** What a client is told when the archive does not answer; and how soon. */
async function expectAway(
  { http }: { http: string },
  channel: string,
  withinMs: number,
): Promise<void> {
  const beganMs = performance.now();
  const { status, answer } = await api(http, 'archive', { channel });
  expect([status, answer]).toMatchObject([503, { error: { code: 100 } }]);
  expect(performance.now() - beganMs).toBeLessThan(withinMs);
}

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.shared();
});
afterAll(() => server.dispose());

const STATEMENT = { archive: { statementTimeout: '500ms' } };

describe('a database', () => {
  test('that is not there at the start is waited for, and misses nothing', async () => {
    await server.shutdown();
    const logger = new KeptLog();
    const running = await archivingTo(server.url, { logger });
    const load = new ArchiveLoad(running, channelIn('chat'));
    await vi.waitFor(() => expect(logger.kinds().get('archive')).toBeDefined(), SOON);
    expect(logger.of('warn')[0]?.fields).toMatchObject({
      archive: `postgres://127.0.0.1:${server.port}/postgres`,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    await expectAway(running, load.channel, 200);
    expect(await offsetsOf(running, load.channel, { limit: 2, reverse: true })).toHaveLength(2);
    expect((await fetch(`${running.http}/ready`)).status).toBe(200);
    await server.start();
    await vi.waitFor(async () => expect(await isUp(running)).toBe(true), SOON);
    await load.stop();
    expect(load.refused).toBe(0);
    await expectAll(running, load);
    expect(logger.of('info').map(({ message }) => message)).toContain('the archive is open');
  });

  test('that is killed under load is written to again when it is back', async () => {
    const running = await archivedOn(server.url);
    const load = new ArchiveLoad(running, channelIn('chat'), 20);
    for (const ms of [150, 40]) {
      await sleep(ms);
      await server.kill();
      await vi.waitFor(async () => expect(await isUp(running)).toBe(false), SOON);
      await expectAway(running, load.channel, 200);
      await server.start();
    }
    await load.stop();
    expect(load.refused).toBe(0);
    await expectAll(running, load);
    expect(load.slowestMs).toBeLessThan(1000);
  });

  test('that stands still holds up nobody but who reads it, and those not for long', async () => {
    const running = await archivedOn(server.url, STATEMENT);
    const load = new ArchiveLoad(running, channelIn('chat'), 20);
    await load.reached(100);
    server.pause();
    await expectAway(running, load.channel, 1500);
    await vi.waitFor(async () => expect(await isUp(running)).toBe(false), SOON);
    await expectAway(running, load.channel, 200);
    server.resume();
    await load.stop();
    expect(load.refused).toBe(0);
    expect(load.slowestMs).toBeLessThan(1000);
    await expectAll(running, load);
  });

  test('whose table is locked is tried again, and is not taken for one that is away', async () => {
    const running = await archivedOn(server.url, STATEMENT);
    const load = new ArchiveLoad(running, channelIn('chat'), 20);
    const blocker = await server.connect();
    await blocker.query('begin; lock table sluice_publications in access exclusive mode');
    await expectAway(running, load.channel, 1500);
    await vi.waitFor(async () => {
      expect((await meter(running.http, 'archive')).get('retried')).toBeGreaterThan(1);
    }, SOON);
    expect(await isUp(running)).toBe(true);
    await blocker.query('commit');
    await blocker.end();
    await load.stop();
    await expectAll(running, load);
  });

  test('that is away for longer than there is room has what was acknowledged, and no more', async () => {
    const running = await archivedOn(server.url, { limits: { archiveBufferPublications: 200 } });
    const load = new ArchiveLoad(running, channelIn('chat'), 20);
    await load.reached(100);
    await server.kill();
    await vi.waitFor(() => expect(load.refused).toBeGreaterThan(100), SOON);
    expect((await meter(running.http, 'archive_buffer_publications')).get('')).toBe(200);
    expect([...load.refusals]).toEqual([
      expect.stringContaining('try again: the archive takes no'),
    ]);
    // Others are served.
    await running.gateway.publish(channelIn('plain'), 1);
    await server.start();
    const refused = load.refused;
    await vi.waitFor(async () => expect(await isUp(running)).toBe(true), SOON);
    const { length } = load.acknowledged;
    await load.reached(length + 51);
    await load.stop();
    expect(load.refused).toBeGreaterThanOrEqual(refused);
    await expectAll(running, load);
  });

  test('of a later release is not written to, and it is said why', async () => {
    const first = await archivedOn(server.url);
    await first.gateway.close();
    await server.query('insert into sluice_migrations (version) values (99)');
    const logger = new KeptLog();
    const running = await archivingTo(server.url, { logger });
    await vi.waitFor(() => {
      expect(logger.of('error')).toMatchObject([
        {
          message: 'the archive cannot be used',
          fields: { reason: expect.stringMatching(/of version 99, and this release knows \d+/) },
        },
      ]);
    }, SOON);
    const channel = channelIn('chat');
    expect((await api(running.http, 'publish', { channel, data: 1 })).status).toBe(503);
    await expectAway(running, channel, 200);
    expect(
      (await api(running.http, 'publish', { channel: channelIn('plain'), data: 1 })).status,
    ).toBe(200);
    await server.query('delete from sluice_migrations where version = 99');
    await vi.waitFor(async () => {
      expect((await api(running.http, 'publish', { channel, data: 2 })).status).toBe(200);
    }, SOON);
    expect(await archived(running, channel)).toMatchObject([{ data: 2, offset: 1 }]);
  });
});
