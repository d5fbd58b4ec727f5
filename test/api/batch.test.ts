/** Several commands in one request. */
import { describe, expect, test } from 'vitest';
import { COMMANDS_MAX, PARALLEL_MAX, REPLIES_LENGTH_MAX } from '../../src/api/methods/batch.ts';
import { Json } from '../../src/kernel/data.ts';
import { stage } from './stage.ts';

describe('batch', () => {
  test('answers each command under its name, or with an error', async () => {
    const { call } = stage();
    const answer = await call('batch', {
      commands: [
        { publish: { channel: 'room', data: 1 } },
        { publish: { channel: 'nowhere:x', data: 1 } },
        { publish: { channel: 'room' } },
        { history: { channel: 'room', limit: 1 } },
        { unheard: {} },
        { info: null, presence_stats: { channel: 'room' } },
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      replies: [
        { publish: { offset: 1, epoch: 'epoch1' } },
        { error: { code: 102, message: 'unknown channel' } },
        { error: { code: 107, message: 'bad request: publish.data is missing' } },
        {
          history: {
            publications: [{ data: 1, offset: 1, epoch: 'epoch1' }],
            offset: 1,
            epoch: 'epoch1',
          },
        },
        { error: { code: 104, message: 'method not found' } },
        { presence_stats: { num_clients: 0, num_users: 0 } },
      ],
    });
  });

  test.each([false, true])('keeps data as it was sent (parallel: %j)', async (parallel) => {
    const { call, operations } = stage();
    const data = ['12345678901234567890', '{ "a" : [ 1.0 ] }', '"},{"', '{"publish":{"data":0}}'];
    const commands = data.map((one) => ` { "publish" : {"data": ${one} ,"channel":"room"} } `);
    const body = `{"parallel":${parallel},"commands":[0,1],"commands":[${commands.join()}] }`;
    expect((await call('batch', body)).status).toBe(200);
    const { publications } = await operations.history('room', { limit: -1 });
    expect(publications.map((one) => one.data)).toEqual(data.map((one) => new Json(one)));
  });

  test('refuses a batch in a batch, and what names no method or several', async () => {
    const { call } = stage();
    const two = { info: {}, channels: {} };
    const { json } = await call('batch', { commands: [{ batch: { commands: [] } }, {}, two] });
    const bad = (message: string): unknown => ({
      error: { code: 107, message: `bad request: ${message}` },
    });
    expect(json.replies).toEqual([
      bad('batch.commands[0] is a batch in a batch'),
      bad('batch.commands[1] must have the name of one method'),
      bad('batch.commands[2] must have the name of one method'),
    ]);
  });

  test.each([
    ['{}', 'batch.commands is missing'],
    ['{"commands":{}}', 'batch.commands must be an array'],
    ['{"commands":[[]]}', 'batch.commands[0] must be an object'],
    ['{"commands":[{},null]}', 'batch.commands[1] must be an object'],
    ['{"commands":[],"parallel":1}', 'batch.parallel must be a boolean'],
    [
      JSON.stringify({ commands: Array.from({ length: COMMANDS_MAX + 1 }, () => ({})) }),
      `batch.commands must have at most ${COMMANDS_MAX} items`,
    ],
  ])('%.40s is a bad request', async (body, message) => {
    const answer = await stage().call('batch', body);
    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toBe(`bad request: ${message}`);
  });

  test('may be empty', async () => {
    expect((await stage().call('batch', { commands: [] })).text).toBe('{"replies":[]}');
  });

  test('runs one after the other, or so many at once', async () => {
    let running = 0;
    let most = 0;
    const rpc = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
    };
    const { call } = stage({ hooks: { rpc } });
    const commands = Array.from({ length: 300 }, () => ({ rpc: {} }));
    const { json } = await call('batch', { commands });
    expect(json.replies).toHaveLength(300);
    expect(most).toBe(1);
    await call('batch', { commands, parallel: true });
    expect(most).toBe(PARALLEL_MAX);
  });

  test('goes on after a fault of ours', async () => {
    const { call, faults } = stage({ hooks: { rpc: () => Promise.reject(new Error('broken')) } });
    const { status, json } = await call('batch', { commands: [{ rpc: {} }, { channels: {} }] });
    expect(status).toBe(200);
    expect(json.replies).toEqual([
      { error: { code: 100, message: 'internal error' } },
      { channels: { channels: {} } },
    ]);
    expect(faults).toMatchObject([{ where: 'api rpc' }]);
  });

  test('carries out no more when the replies are too long', async () => {
    let calls = 0;
    const rpc = (): Json => {
      calls += 1;
      return new Json(`"${'x'.repeat(REPLIES_LENGTH_MAX / 2)}"`);
    };
    const { call } = stage({ hooks: { rpc } });
    const { json } = await call('batch', { commands: [1, 2, 3, 4].map(() => ({ rpc: {} })) });
    expect(calls).toBe(2);
    expect(json.replies.map((reply) => reply.error?.code)).toEqual([
      undefined,
      undefined,
      106,
      106,
    ]);
  });
});
