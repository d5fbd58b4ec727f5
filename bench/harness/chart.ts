/** Bars as SVG, readable on light and dark pages. */
import type { Scenario } from './scenario.ts';
import type { Summary } from './summary.ts';
import { count } from './count.ts';

const WIDTH = 720;
const LEFT = 130;
const RIGHT = 130;
const ROW = 34;
const TOP = 58;

export function chartOf(scenario: Scenario, summaries: readonly Summary[], note: string): string {
  const height = TOP + summaries.length * ROW + 30;
  const most = Math.max(...summaries.map(({ main }) => main.most), 1);
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const rows = summaries.map((one, row) => bar(one, TOP + row * ROW, scale)).join('\n');
  const direction = scenario.better === 'more' ? 'more is better' : 'less is better';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escaped(scenario.name)}: ${escaped(scenario.unit)}</title>
<style>
  text { font: 13px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #24292f }
  .peer { fill: #8c959f } .ours { fill: #2f81f7 } .range { stroke: #57606a; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #8d96a0 } .title { fill: #e6edf3 } .range { stroke: #c9d1d9 }
  }
</style>
<text class="title" x="12" y="24">${escaped(scenario.about)}</text>
<text x="12" y="44">${escaped(`${scenario.unit}, ${direction}; median, least and most of the runs`)}</text>
${rows}
<text x="12" y="${height - 10}" font-size="11">${escaped(note)}</text>
</svg>
`;
}

function bar({ name, main }: Summary, y: number, scale: number): string {
  const at = (value: number): string => (LEFT + value * scale).toFixed(1);
  const middle = y + 11;
  return [
    `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="${name.startsWith('sluice') ? 'ours' : 'peer'}" x="${LEFT}" y="${y}" height="22" rx="2" width="${(main.median * scale).toFixed(1)}"/>`,
    `<line class="range" x1="${at(main.least)}" x2="${at(main.most)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${(LEFT + main.most * scale + 10).toFixed(1)}" y="${y + 16}">${count(main.median)}</text>`,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
