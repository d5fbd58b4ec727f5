/** Whether the process may open as many files as it is to have connections. */
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** For what is no connection: modules, logs, Redis, the API. */
const BESIDES = 200;

export function checkFiles(connections: number, limit = openFilesMax()): Finding {
  const name = 'open files';
  if (limit === null)
    return found(name, 'warn', 'the limit is not known here', 'look at ulimit -n');
  const most = limit === Infinity ? 'no limit' : `at most ${limit.toLocaleString('en')}`;
  const wanted = connections + BESIDES;
  if (connections === 0 || limit >= wanted) return found(name, 'ok', most);
  const says = `${most}, but limits.connections is ${connections.toLocaleString('en')}`;
  const advice = `raise it to ${wanted} (ulimit -n, LimitNOFILE), or lower limits.connections`;
  return found(name, 'warn', says, advice);
}

/** Of this process: Node has raised it as far as it may. Null where there is no such thing. */
function openFilesMax(): number | null {
  process.report.excludeEnv = true;
  const report: { userLimits?: { open_files?: { soft?: unknown } } } = process.report.getReport();
  const soft = report.userLimits?.open_files?.soft;
  if (soft === 'unlimited') return Infinity;
  return soft === undefined || Number.isNaN(Number(soft)) ? null : Number(soft);
}
