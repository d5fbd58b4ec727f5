import { expect, test } from 'vitest';
import { Command, sluice } from './sluice.ts';

const HERE = ['--port=0', '--host=127.0.0.1'];

test('is meant without a command, and ends with a signal', async () => {
  const [bare, named, machine] = [
    new Command(['--dev', ...HERE]),
    new Command(['serve', '--dev', ...HERE]),
    new Command(['--json', '--dev'], { env: { PORT: '0' } }),
  ];
  for (const command of [bare, named]) await command.until(() => command.out.includes('Ctrl-C'));
  await machine.until(() => machine.lines.length === 1);
  const { port, ...rest } = JSON.parse(machine.out) as { port: number };
  expect(rest).toEqual({ host: '127.0.0.1', internalPort: port, dev: true });
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  bare.process.kill('SIGINT');
  for (const command of [named, machine]) command.process.kill('SIGTERM');
  const ends = await Promise.all([bare.end(), named.end(), machine.end()]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
});

test('goes on when nobody reads what it printed', async () => {
  const command = new Command(['--dev', ...HERE]);
  command.process.stdout.destroy();
  await command.until(() => command.err.includes('"listening"'));
  const port = Number(/"port":(\d+)/.exec(command.err)?.[1]);
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  command.process.kill('SIGTERM');
  expect((await command.end()).code).toBe(0);
});

test('does not start when it is set up wrongly, or cannot listen', async () => {
  const first = new Command(['--dev', ...HERE]);
  await first.until(() => first.err.includes('"listening"'));
  const port = /"port":(\d+)/.exec(first.err)?.[1] ?? '';
  const [wrong, extra, taken] = await Promise.all([
    sluice(['--prot', '1']),
    sluice(['serve', 'chat', '--dev']),
    sluice(['--dev', `--port=${port}`, '--log-level=silent']),
  ]);
  expect(wrong.err).toMatch(
    /^sluice: the configuration cannot be used:\n {2}--prot: .*did you mean/,
  );
  expect(extra.err).toContain('argument 1: it belongs to no flag');
  expect(taken.err).toMatch(new RegExp(`^sluice: cannot listen on 127.0.0.1:${port}: [^\\n]+\\n$`));
  expect([wrong, extra, taken].map(({ code }) => code)).toEqual([2, 2, 1]);
});
