// bench/start: what it costs to start one proxy with the file of bench/http1's `plain`, and to have it there: CPU until it has started,
// time to the first proxied request, resident set when idle. Node has no cache of compiled code here, as in a fresh container.
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

export type StartRow = {
  readonly contestant: string;
  /** User and system time until the first answer and for a second after it. */
  readonly cpuMillis: number;
  readonly firstRequestMillis: number;
  readonly idleBytes: number;
  /** Of the resident set, what other processes of the same program share: its file's pages. */
  readonly sharedBytes: number;
};

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
        const ports = { listener: await freePort(), admin: await freePort(), upstream: port, folder };
        const words = command(ports);
        if (words === null) say(`${name} is not installed`);
        else rows.push({ contestant: name, ...(await measureStart(words, ports.listener)) });
      }
    }
    return mediansOf(rows);
  } finally {
    upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function formatStarts(rows: readonly StartRow[]): string {
  const envoy = rows.find(({ contestant }) => contestant === 'envoy');
  const ratio = (value: number, reference: number | undefined): string =>
    reference === undefined ? '-' : (value / reference).toFixed(2);
  return formatColumns(
    ['proxy', 'start CPU ms', 'to Envoy', 'first request ms', 'to Envoy', 'idle MB', 'to Envoy', 'of it shared MB'],
    rows.map((row) => [
      row.contestant,
      row.cpuMillis.toFixed(0),
      ratio(row.cpuMillis, envoy?.cpuMillis),
      row.firstRequestMillis.toFixed(0),
      ratio(row.firstRequestMillis, envoy?.firstRequestMillis),
      (row.idleBytes / 1e6).toFixed(0),
      ratio(row.idleBytes, envoy?.idleBytes),
      (row.sharedBytes / 1e6).toFixed(0),
    ]),
    1,
  );
}

async function measureStart(command: readonly string[], port: number): Promise<Omit<StartRow, 'contestant'>> {
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
  return [...Map.groupBy(rows, ({ contestant }) => contestant)].map(([contestant, group]) => {
    const values = figures.map((figure) => [figure, median(group.map((row) => row[figure]))]);
    return { contestant, ...(Object.fromEntries(values) as Omit<StartRow, 'contestant'>) };
  });
}
