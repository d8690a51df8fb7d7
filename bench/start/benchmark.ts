// bench/start: what it costs to start one proxy with the file of bench/http1's `plain`, or with the same over ADS, and to have it there: CPU
// until it has started, time to the first proxied request, resident set when idle. Node has no cache of compiled code here, as in a fresh
// container.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/ports.ts';
import { TestProcess } from '../../test/support/process.ts';
import { startingProxies } from '../contestants.ts';
import { formatColumns, median } from '../measurement.ts';
import { cpuMicros, memoryBytes, PROXY_CORE } from '../pinned.ts';
import { bootstrapOf, type HopConfig } from '../proxy-config.ts';
import { serveOverAds } from './control-plane.ts';

export type StartRow = {
  readonly configuration: Configuration;
  readonly contestant: string;
  /** User and system time until the first answer and for a second after it. */
  readonly cpuMillis: number;
  readonly firstRequestMillis: number;
  readonly idleBytes: number;
  /** Of the resident set, what other processes of the same program share: its file's pages. */
  readonly sharedBytes: number;
};

/** Where listeners and clusters come from. */
type Configuration = 'file' | 'ADS';

/** Starts are few and short: many rounds of them cost little. */
const ROUNDS_FACTOR = 3;
const STARTED = 1_000;
/** An idle proxy gives back what only its start needed. */
const SETTLED = 5_000;

export async function measureStarts(rounds: number, say: (line: string) => void): Promise<StartRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
  const upstream = createServer((_, response) => response.end('x'.repeat(100)));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  try {
    const rows: StartRow[] = [];
    for (let round = 1; round <= rounds * ROUNDS_FACTOR; round += 1) {
      for (const { name, command } of startingProxies()) {
        say(`round ${round} of ${rounds * ROUNDS_FACTOR}: start, ${name}`);
        for (const configuration of ['file', 'ADS'] as const) {
          const ports = { listener: await freePort(), admin: await freePort(), upstream: port, folder };
          const costs = await measureContestant((bootstrap) => command(ports, bootstrap), configuration, ports);
          if (costs === null) say(`${name} is not installed`);
          else rows.push({ configuration, contestant: name, ...costs });
        }
      }
    }
    return mediansOf(rows);
  } finally {
    upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function formatStarts(rows: readonly StartRow[]): string {
  const head = ['start CPU ms', 'to Envoy', 'first request ms', 'to Envoy', 'idle MB', 'to Envoy', 'of it shared MB'];
  return formatColumns(
    ['from', 'proxy', ...head],
    rows.map((row) => {
      const envoy = rows.find((one) => one.contestant === 'envoy' && one.configuration === row.configuration);
      return [row.configuration, row.contestant, ...figuresOf(row, envoy)];
    }),
    2,
  );
}

function figuresOf(row: StartRow, envoy: StartRow | undefined): readonly string[] {
  const ratio = (value: number, reference: number | undefined): string =>
    reference === undefined ? '-' : (value / reference).toFixed(2);
  return [
    row.cpuMillis.toFixed(0),
    ratio(row.cpuMillis, envoy?.cpuMillis),
    row.firstRequestMillis.toFixed(0),
    ratio(row.firstRequestMillis, envoy?.firstRequestMillis),
    (row.idleBytes / 1e6).toFixed(0),
    ratio(row.idleBytes, envoy?.idleBytes),
    (row.sharedBytes / 1e6).toFixed(0),
  ];
}

type Costs = Omit<StartRow, 'contestant' | 'configuration'>;

/** null where it is not installed. */
async function measureContestant(
  command: (bootstrap: string) => readonly string[] | null,
  configuration: Configuration,
  ports: HopConfig,
): Promise<Costs | null> {
  const file = bootstrapOf({}, ports);
  const served = configuration === 'ADS' ? await serveOverAds(file) : null;
  try {
    const words = command(served?.bootstrap ?? file);
    return words && (await measureStart(words, ports.listener));
  } finally {
    served?.close();
  }
}

async function measureStart(command: readonly string[], port: number): Promise<Costs> {
  const began = performance.now();
  await using started = await TestProcess.start({
    command: 'taskset',
    args: ['-c', PROXY_CORE, ...command],
    env: { NODE_COMPILE_CACHE: '' },
  });
  while (!(await answers(port))) {
    if (started.exitCode !== null || performance.now() - began > 30_000) throw new Error(started.output);
    await sleep(5);
  }
  const firstRequestMillis = performance.now() - began;
  await sleep(STARTED);
  const cpuMillis = cpuMicros([started.pid]) / 1000;
  await sleep(SETTLED);
  const status = readFileSync(`/proc/${started.pid}/status`, 'utf8');
  return {
    cpuMillis,
    firstRequestMillis,
    idleBytes: memoryBytes([started.pid]),
    sharedBytes: Number(/^RssFile:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
  };
}

/** Whether a request through the proxy is answered with 200; a connection per try, so that an early refusal costs nothing later. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.write('GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n');
    });
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 200'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

function mediansOf(rows: readonly StartRow[]): StartRow[] {
  const figures = ['cpuMillis', 'firstRequestMillis', 'idleBytes', 'sharedBytes'] as const;
  const groups = Map.groupBy(rows, ({ configuration, contestant }) => `${configuration} ${contestant}`);
  return [...groups.values()].map((group) => {
    const { configuration, contestant } = group[0]!;
    const values = figures.map((figure) => [figure, median(group.map((row) => row[figure]))]);
    return { configuration, contestant, ...(Object.fromEntries(values) as Costs) };
  });
}
