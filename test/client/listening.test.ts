/** Listeners, and those that throw. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { Emitter } from '../../src/client/emitter.ts';
import { listen, stage } from './stage.ts';

interface Events {
  one: number;
  two: string;
}

test('listeners are called in the order they came, until they are taken away', () => {
  const emitter = new Emitter<Events>(() => undefined);
  const heard: string[] = [];
  const off = emitter.on('one', (n) => heard.push(`a${n}`));
  emitter.on('one', (n) => heard.push(`b${n}`));
  emitter.on('two', (text) => heard.push(text));
  expect(emitter.emit('one', 1)).toBe(true);
  off();
  off();
  emitter.emit('one', 2);
  emitter.emit('two', 'x');
  expect(heard).toEqual(['a1', 'b1', 'b2', 'x']);
  expect(new Emitter<Events>(() => undefined).emit('one', 1)).toBe(false);
});

test('who begins to listen during an event hears of the next, who stops hears no more', () => {
  const emitter = new Emitter<Events>(() => undefined);
  const heard: string[] = [];
  emitter.on('one', () => {
    heard.push('first');
    off();
    emitter.on('one', () => heard.push('late'));
  });
  const off = emitter.on('one', () => heard.push('gone'));
  emitter.emit('one', 1);
  expect(heard).toEqual(['first']);
});

test('one that throws does not stop the others, and is told of on the client', async () => {
  const { client, accept } = stage();
  const thrown = new Error('mine');
  const errors = listen(client, 'error');
  const channel = client.channel<never>('a');
  channel.on('subscribed', () => {
    throw thrown;
  });
  const heard = listen(channel, 'subscribed', 'publication');
  void client.connect();
  void channel.subscribe();
  const socket = await accept();
  socket.answer('subscribe', { publications: [{ data: 1 }] });
  expect(heard).toHaveLength(2);
  expect(errors).toEqual([['error', expect.objectContaining({ code: 9, cause: thrown })]]);
});

test('where nobody listens to errors, the environment is told', async () => {
  const report = vi.fn<(error: unknown) => void>();
  Object.assign(globalThis, { reportError: report });
  onTestFinished(() => void Reflect.deleteProperty(globalThis, 'reportError'));
  const { client, accept } = stage();
  const thrown = new Error('mine');
  client.on('connected', () => {
    throw thrown;
  });
  void client.connect();
  await accept();
  expect(report.mock.calls).toEqual([[thrown]]);
});

test('and where it cannot be told, the console', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => log.mockRestore());
  const { client, accept } = stage();
  const thrown = new Error('mine');
  client.on('error', () => {
    throw thrown;
  });
  client.on('connected', () => {
    throw new Error('first');
  });
  void client.connect();
  await accept();
  // A listener of errors that throws is not told of itself.
  expect(log.mock.calls).toEqual([[thrown]]);
});
