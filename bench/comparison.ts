// Runs scenarios: every contestant alone on one core, client and upstream on the other; contestants take turns within a round, so that a
// slow minute of the machine hits all of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { makeAuthority } from '../test/support/certificates.ts';
import { freePort } from '../test/support/ports.ts';
import type { TestProcess } from '../test/support/process.ts';
import { type Contestant, fill, nginxCommand } from './contestants.ts';
import { type H2Load, h2load, h2loadLatencies } from './h2load.ts';
import { holdConnections } from './held-connections.ts';
import type { Latencies, LoadResult } from './load.ts';
import type { Measurement } from './measurement.ts';
import { cpuMicros, LOAD_CORE, memoryBytes, PROXY_CORE, startPinned } from './pinned.ts';
import { wrk } from './wrk.ts';

export type Scenario = {
  readonly name: string;
  /** In the order of their turns; Envoy first, since latencies are taken at half of its rate. */
  readonly contestants: readonly Contestant[];
  readonly client: H2Load;
  /** Lines of an nginx server that answers. */
  readonly upstream: { readonly listen: '' | 'http2'; readonly lines: string };
};

export type Pace = { readonly rounds: number; readonly seconds: number };

/** Long enough for compiled code: what is measured is a proxy that has run for a while. */
const WARM_UP_SECONDS = 4;
const HELD_CONNECTIONS = 1_000;
/** Memory is what a proxy needs in the long run: after its start, or while connections are open and quiet. */
const SETTLE = 7_000;

export async function compare(
  scenarios: readonly Scenario[],
  pace: Pace,
  say: (line: string) => void,
): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
  try {
    await writeCertificates(folder);
    const measurements: Measurement[] = [];
    for (let round = 1; round <= pace.rounds; round += 1) {
      for (const scenario of scenarios) {
        const title = `round ${round} of ${pace.rounds}: ${scenario.name}`;
        measurements.push(...(await playRound(scenario, folder, pace.seconds, (name) => say(`${title}, ${name}`))));
      }
    }
    return measurements;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function playRound(scenario: Scenario, folder: string, seconds: number, say: (line: string) => void) {
  const measurements: Measurement[] = [];
  await using upstream = await startUpstream(scenario.upstream, folder);
  for (const contestant of scenario.contestants) {
    say(contestant.name);
    await using started = await startHops(contestant, upstream.port, folder);
    if (started.port === null) {
      say(`${contestant.name} is not installed`);
      continue;
    }
    const envoy = measurements.find(({ contestant: name }) => name === 'envoy');
    const figures = await measure(started.processes, started.port, scenario.client, seconds, envoy?.requestsPerSecond);
    measurements.push({ scenario: scenario.name, contestant: contestant.name, ...figures });
  }
  return measurements;
}

async function measure(
  processes: readonly TestProcess[],
  port: number,
  client: H2Load,
  seconds: number,
  envoyRate: number | undefined,
) {
  const pids = processes.map(({ pid }) => pid);
  await setTimeout(SETTLE);
  const idleBytes = memoryBytes(pids);
  await drive(port, WARM_UP_SECONDS, client);
  for (const { exitCode, output } of processes) {
    if (exitCode !== null) throw new Error(`a proxy ended with ${exitCode} under load:\n${output}`);
  }
  const before = cpuMicros(pids);
  const { requests, errors, micros } = await drive(port, seconds, client);
  const used = cpuMicros(pids) - before;
  if (errors > 0 || requests === 0)
    throw new Error(`${errors} errors in ${requests} requests: the measurement is void`);
  const requestsPerSecond = (requests * 1e6) / micros;
  const loadedBytes = memoryBytes(pids);
  const rate = (envoyRate ?? requestsPerSecond) / 2;
  const latencies: Latencies = await h2loadLatencies(port, seconds, client, rate);
  const heldBytes = await holdConnections(port, HELD_CONNECTIONS, client.protocol, async () => {
    await setTimeout(SETTLE);
    return memoryBytes(pids);
  });
  return { cpuMicros: used / requests, requestsPerSecond, ...latencies, idleBytes, loadedBytes, heldBytes };
}

/** wrk for HTTP/1.1: it takes less of the load core than h2load does. */
function drive(port: number, seconds: number, client: H2Load): Promise<LoadResult> {
  return client.protocol === 'h1' ? wrk(port, seconds, client.headers) : h2load(port, seconds, client);
}

/** `port` is null when one of the contestant's programs is not installed. */
async function startHops({ hops }: Contestant, upstream: number, folder: string) {
  const processes: TestProcess[] = [];
  const stop = async () => {
    await Promise.all(processes.map((started) => started.stop()));
  };
  let port = upstream;
  try {
    for (const hop of hops.toReversed()) {
      const config = { listener: await freePort(), upstream: port, admin: await freePort(), folder };
      const command = hop(config);
      if (command === null) return { processes, port: null, [Symbol.asyncDispose]: stop };
      processes.push(await startPinned(PROXY_CORE, command, config.listener));
      port = config.listener;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { processes, port, [Symbol.asyncDispose]: stop };
}

export async function startUpstream({ listen, lines }: Scenario['upstream'], folder: string) {
  const listener = await freePort();
  const config = fill('upstream.conf', { listener, upstream: 0, admin: 0, folder, listen, lines });
  const command = nginxCommand(config);
  if (command === null)
    throw new Error('the upstream needs nginx (hint: apt install nginx wrk haproxy nghttp2-client)');
  const started = await startPinned(LOAD_CORE, command, listener);
  return { port: listener, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

/** HAProxy wants certificate and key in one file. */
export async function writeCertificates(folder: string): Promise<void> {
  const authority = await makeAuthority('bench');
  writeFileSync(join(folder, 'ca.pem'), authority.certificate);
  for (const name of ['client', 'server']) {
    const uris = [`spiffe://cluster.local/ns/bench/sa/${name}`];
    const { certificate, key } = await authority.issue({ commonName: name, uris, dns: [`${name}.bench`] });
    writeFileSync(join(folder, `${name}.pem`), certificate);
    writeFileSync(join(folder, `${name}-key.pem`), key, { mode: 0o600 });
    writeFileSync(join(folder, `${name}-both.pem`), `${certificate}\n${key}`, { mode: 0o600 });
  }
}
