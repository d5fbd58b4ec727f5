/** A summary as text in columns. */
import { count } from './count.ts';
import type { Scenario } from './scenario.ts';
import type { Summary } from './summary.ts';

export function tableOf(scenario: Scenario, summaries: readonly Summary[]): string {
  const figures = [...new Set(summaries.flatMap((one) => Object.keys(one.figures)))];
  const timed = summaries.some(({ latencyMs }) => latencyMs !== null);
  const times = timed ? ['p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'] : [];
  const head = ['system', scenario.unit, 'least', 'most', ...times, 'lost', ...figures];
  const rows = summaries.map((one) => [
    one.name,
    count(one.main.median),
    count(one.main.least),
    count(one.main.most),
    ...(timed ? timesOf(one) : []),
    String(one.lost),
    ...figures.map((figure) => count(one.figures[figure] ?? 0)),
  ]);
  return aligned([head, ...rows]);
}

function timesOf({ latencyMs }: Summary): string[] {
  if (latencyMs === null) return ['', '', '', ''];
  const { p50, p99, p999, max } = latencyMs;
  return [p50, p99, p999, max].map(String);
}

export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  '),
    )
    .join('\n');
}
