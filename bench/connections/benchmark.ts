// What a gigabyte and a handshake cost: connections without HTTP, each proxy alone on one core, client and upstream on the other.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../test/support/ports.ts';
import { pinnedNode } from '../../test/support/process.ts';
import { type Pace, writeCertificates } from '../comparison.ts';
import { type Contestant, opensslServer, xdsProxies } from '../contestants.ts';
import { median } from '../measurement.ts';
import { cpuMicros, LOAD_CORE, memoryBytes, PROXY_CORE, startPinned } from '../pinned.ts';
import { type HopConfig, mutualTls } from '../proxy-config.ts';

export type Cost = {
  readonly scenario: 'tcp' | 'handshakes';
  readonly contestant: string;
  /** CPU microseconds per GB or per handshake; the median of the rounds. */
  readonly cpuMicros: number;
  /** GB or handshakes per second. */
  readonly rate: number;
  readonly loadedBytes: number;
  /** To Envoy's in the same run; null without Envoy. */
  readonly ratio: number | null;
};

const SCENARIOS = {
  tcp: { mode: 'bulk', contestants: xdsProxies({ terminal: 'tcp' }) },
  handshakes: {
    mode: 'handshakes',
    contestants: [...xdsProxies({ terminal: 'echo', accepts: mutualTls.there }), opensslServer()],
  },
} as const;
const WARM_UP_SECONDS = 2;

export async function measureConnections(
  scenario: Cost['scenario'],
  { rounds, seconds }: Pace,
  say: (line: string) => void,
): Promise<Cost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
  const { mode, contestants } = SCENARIOS[scenario];
  const measured = new Map<string, Omit<Cost, 'scenario' | 'contestant' | 'ratio'>[]>();
  try {
    await writeCertificates(folder);
    for (let round = 1; round <= rounds; round += 1) {
      for (const contestant of contestants) {
        say(`round ${round} of ${rounds}: ${scenario}, ${contestant.name}`);
        const cost = await measure(contestant, mode, folder, seconds);
        if (cost !== null) measured.set(contestant.name, [...(measured.get(contestant.name) ?? []), cost]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = [...measured].map(([contestant, costs]) => ({
    scenario,
    contestant,
    cpuMicros: median(costs.map((cost) => cost.cpuMicros)),
    rate: median(costs.map((cost) => cost.rate)),
    loadedBytes: median(costs.map((cost) => cost.loadedBytes)),
  }));
  const envoy = rows.find(({ contestant }) => contestant === 'envoy');
  return rows.map((row) => ({ ...row, ratio: envoy === undefined ? null : row.cpuMicros / envoy.cpuMicros }));
}

export function formatCosts(rows: readonly Cost[]): string {
  const lines = rows.map(({ scenario, contestant, cpuMicros: micros, rate, loadedBytes, ratio }) => {
    const [cost, pace] =
      scenario === 'tcp'
        ? [`${(micros / 1e6).toFixed(3)} CPU s/GB`, `${rate.toFixed(2)} GB/s`]
        : [`${micros.toFixed(0)} CPU µs/handshake`, `${rate.toFixed(0)}/s`];
    const memory = `${(loadedBytes / 1e6).toFixed(0)} MB`;
    return `${contestant.padEnd(7)} ${cost}  ${ratio === null ? '-' : ratio.toFixed(2)} to Envoy  ${pace}  ${memory}`;
  });
  return lines.join('\n');
}

/** null where it is not installed. */
async function measure({ hops }: Contestant, mode: string, folder: string, seconds: number) {
  const config = { listener: await freePort(), upstream: await freePort(), admin: await freePort(), folder };
  const command = hops[0]!(config);
  if (command === null) return null;
  await using started = await startPinned(PROXY_CORE, command, config.listener);
  const load = (time: number): Promise<number> =>
    mode === 'bulk' ? pushBytes(config, time) : shakeHands(config, time);
  await load(WARM_UP_SECONDS);
  const before = cpuMicros([started.pid]);
  const done = await load(seconds);
  const used = cpuMicros([started.pid]) - before;
  if (done === 0) throw new Error('nothing came through');
  return { cpuMicros: used / done, rate: done / seconds, loadedBytes: memoryBytes([started.pid]) };
}

/** GB that came through. */
async function pushBytes({ listener, upstream }: HopConfig, seconds: number): Promise<number> {
  const client = join(import.meta.dirname, 'client.ts');
  return Number(await onLoadCore([pinnedNode, client, String(listener), String(upstream), String(seconds)], seconds));
}

/** Whole handshakes with a client certificate, none of them resumed, by OpenSSL's own client. */
async function shakeHands({ listener, folder }: HopConfig, seconds: number): Promise<number> {
  const file = (name: string): string => join(folder, `${name}.pem`);
  const identity = ['-cert', file('client'), '-key', file('client-key'), '-CAfile', file('ca'), '-verify', '2'];
  const options = ['-connect', `127.0.0.1:${listener}`, '-new', '-tls1_3', '-time', String(seconds), ...identity];
  const output = await onLoadCore(['openssl', 's_time', ...options], seconds);
  const found = /(\d+) connections in \d+ real seconds/.exec(output)?.[1];
  if (found === undefined) throw new Error(`openssl s_time gave no result:\n${output}`);
  return Number(found);
}

async function onLoadCore(command: readonly string[], seconds: number): Promise<string> {
  const timeout = (seconds + 15) * 1000;
  const { stdout } = await promisify(execFile)('taskset', ['-c', LOAD_CORE, ...command], { timeout });
  return stdout;
}
