// `npm run bench`: every benchmark, or the ones named; `--json` for machines, `--seconds N` of load per measurement, `--rounds N`.
import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pinnedNode, repositoryRoot } from '../test/support/process.ts';
import { formatPicks, measurePicks } from './balance/benchmark.ts';
import { compare, type Scenario } from './comparison.ts';
import { formatWorkers, measureWorkers } from './concurrency/benchmark.ts';
import { formatCosts, measureConnections } from './connections/benchmark.ts';
import { http1 } from './http1/benchmark.ts';
import { http2 } from './http2/benchmark.ts';
import { formatTable, summarize } from './measurement.ts';
import { formatMetrics, measureMetrics } from './metrics/benchmark.ts';
import { multiplexed } from './multiplexed/benchmark.ts';
import { sidecar } from './sidecar/benchmark.ts';
import { formatStarts, measureStarts } from './start/benchmark.ts';

const benchmarks: Readonly<Record<string, readonly Scenario[]>> = { http1, http2, multiplexed, sidecar };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
});
const names = ['balance', 'metrics', 'concurrency', 'start', 'tcp', 'handshakes', ...Object.keys(benchmarks)];
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')} (hint: ${names.join(', ')})`);
  process.exit(2);
}
const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, kernel: release(), node: process.version };
const pace = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
// What is measured is what is released.
execFileSync(pinnedNode, [join(repositoryRoot, 'scripts/bundle.ts')]);

const isChosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const say = (line: string): void => console.error(line);

function print(benchmark: string, rows: readonly object[], table: string): void {
  if (values.json) console.log(JSON.stringify({ benchmark, machine, rows }));
  else console.log(`${benchmark} on ${machine.cpu}, node ${machine.node}\n${table}`);
}

if (isChosen('balance')) {
  const rows = measurePicks(pace.rounds, say);
  print('balance', rows, formatPicks(rows));
}
if (isChosen('metrics')) {
  const rows = await measureMetrics(pace.rounds, say);
  print('metrics', rows, formatMetrics(rows));
}
if (isChosen('concurrency')) {
  const rows = await measureWorkers(pace, say);
  print('concurrency', rows, formatWorkers(rows));
}
if (isChosen('start')) {
  const rows = await measureStarts(pace.rounds, say);
  print('start', rows, formatStarts(rows));
}
for (const name of ['tcp', 'handshakes'] as const) {
  if (!isChosen(name)) continue;
  const rows = await measureConnections(name, pace, say);
  print(name, rows, formatCosts(rows));
}
for (const [name, scenarios] of Object.entries(benchmarks)) {
  if (!isChosen(name)) continue;
  const rows = summarize(await compare(scenarios, pace, say));
  print(name, rows, formatTable(rows));
}
