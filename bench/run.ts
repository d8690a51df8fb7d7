// `npm run bench`: every benchmark, or the ones named; `--json` for machines, `--seconds N` of load per measurement, `--rounds N`.
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { compare, type Scenario } from './comparison.ts';
import { http1 } from './http1/benchmark.ts';
import { http2 } from './http2/benchmark.ts';
import { formatTable, summarize } from './measurement.ts';
import { multiplexed } from './multiplexed/benchmark.ts';
import { sidecar } from './sidecar/benchmark.ts';

const benchmarks: Readonly<Record<string, readonly Scenario[]>> = { http1, http2, multiplexed, sidecar };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
});
const unknown = positionals.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')} (hint: ${Object.keys(benchmarks).join(', ')})`);
  process.exit(2);
}
const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, kernel: release(), node: process.version };
const pace = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
const chosen = Object.entries(benchmarks).filter(([name]) => positionals.length === 0 || positionals.includes(name));
for (const [name, scenarios] of chosen) {
  const measurements = await compare(scenarios, pace, (line) => console.error(line));
  const rows = summarize(measurements);
  if (values.json) console.log(JSON.stringify({ benchmark: name, machine, rows }));
  else console.log(`${name} on ${machine.cpu}, node ${machine.node}\n${formatTable(rows)}`);
}
