// What more workers bring: the same proxy with one and with two, on two cores that the load and the upstream use too. So two workers cannot
// carry twice as much; what Envoy gains in the same place is the measure.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { type Pace, startUpstream, writeCertificates } from '../comparison.ts';
import { proxiesWithWorkers } from '../contestants.ts';
import { formatColumns, median } from '../measurement.ts';
import { cpuMicros, LOAD_CORE, memoryBytes, PROXY_CORE, startPinned } from '../pinned.ts';
import type { HopShape } from '../proxy-config.ts';
import { withPolicies } from '../sidecar/benchmark.ts';
import { plainUpstream } from '../upstreams.ts';
import { wrk } from '../wrk.ts';

export type WorkersRow = {
  readonly scenario: string;
  readonly contestant: string;
  readonly workers: number;
  /** User and system time of all threads, per request. */
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
  /** To the same proxy with one worker. */
  readonly gain: number;
  readonly loadedBytes: number;
};

type Figures = Pick<WorkersRow, 'cpuMicros' | 'requestsPerSecond' | 'loadedBytes'>;
type Runner = ReturnType<typeof proxiesWithWorkers>[number];

const SCENARIOS: readonly { name: string; shape: HopShape; headers: readonly string[] }[] = [
  { name: 'plain', shape: {}, headers: [] },
  { name: 'policies', ...withPolicies },
];
const COUNTS = [1, 2];
const BOTH_CORES = `${PROXY_CORE},${LOAD_CORE}`;
const WARM_UP_SECONDS = 4;

export async function measureWorkers({ rounds, seconds }: Pace, say: (line: string) => void): Promise<WorkersRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
  const rows: WorkersRow[] = [];
  try {
    await writeCertificates(folder);
    for (const { name, shape, headers } of SCENARIOS) {
      const runners = proxiesWithWorkers(shape, COUNTS);
      const measured = new Map<Runner, Figures[]>();
      for (let round = 1; round <= rounds; round += 1) {
        for (const runner of runners) {
          say(`round ${round} of ${rounds}: concurrency, ${name}, ${runner.name} with ${runner.workers}`);
          const figures = await measure(runner, headers, folder, seconds);
          if (figures !== null) measured.set(runner, [...(measured.get(runner) ?? []), figures]);
        }
      }
      rows.push(...summarize(name, measured));
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function formatWorkers(rows: readonly WorkersRow[]): string {
  const header = ['scenario', 'proxy', 'workers', 'CPU µs/req', 'req/s', 'to one worker', 'loaded MB'];
  const cells = rows.map((row) => [
    row.scenario,
    row.contestant,
    String(row.workers),
    row.cpuMicros.toFixed(1),
    row.requestsPerSecond.toFixed(0),
    row.gain.toFixed(2),
    (row.loadedBytes / 1e6).toFixed(0),
  ]);
  return formatColumns(header, cells, 2);
}

/** null where it is not installed. */
async function measure(
  { command }: Runner,
  headers: readonly string[],
  folder: string,
  seconds: number,
): Promise<Figures | null> {
  await using upstream = await startUpstream(plainUpstream, folder);
  const config = { listener: await freePort(), upstream: upstream.port, admin: await freePort(), folder };
  const line = command(config);
  if (line === null) return null;
  await using proxy = await startPinned(BOTH_CORES, line, config.listener);
  await wrk(config.listener, WARM_UP_SECONDS, headers);
  const before = cpuMicros([proxy.pid]);
  const { requests, errors, micros } = await wrk(config.listener, seconds, headers);
  const used = cpuMicros([proxy.pid]) - before;
  if (errors > 0 || requests === 0)
    throw new Error(`${errors} errors in ${requests} requests: the measurement is void`);
  return {
    cpuMicros: used / requests,
    requestsPerSecond: (requests * 1e6) / micros,
    loadedBytes: memoryBytes([proxy.pid]),
  };
}

function summarize(scenario: string, measured: ReadonlyMap<Runner, readonly Figures[]>): WorkersRow[] {
  const rows = [...measured].map(([{ name, workers }, all]) => ({
    scenario,
    contestant: name,
    workers,
    cpuMicros: median(all.map((one) => one.cpuMicros)),
    requestsPerSecond: median(all.map((one) => one.requestsPerSecond)),
    loadedBytes: median(all.map((one) => one.loadedBytes)),
  }));
  return rows.map((row) => {
    const one = rows.find(({ contestant, workers }) => contestant === row.contestant && workers === 1);
    return { ...row, gain: row.requestsPerSecond / (one?.requestsPerSecond ?? Number.NaN) };
  });
}
