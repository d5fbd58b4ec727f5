/** A program of its own: serves on the edge it is told, closes it at the first line it reads. */
import { CREATE, isEdgeName } from './edges.ts';
import { Rig } from './rig.ts';

const name = process.argv[2] ?? '';
if (!isEdgeName(name)) throw new Error(`no edge: ${name}`);

const rig = await Rig.start(CREATE[name]);
process.stdout.write(`${rig.port}\n`);
process.stdin.once('data', () => {
  // Nothing of ours may be what keeps the process alive, or ends it.
  process.stdin.destroy();
  rig.echo.fill();
  rig.echo.transport.close(3008, 'slow');
  void rig.edge.close().then(() => process.stdout.write(`closed ${rig.echo.closes.join()}\n`));
});
