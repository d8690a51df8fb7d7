// bench/http1: HTTP/1.1, keep-alive, bodies of 100 bytes; every contestant alone on one core, client and upstream on the other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from '../../test/support/certificates.ts';
import { freePort } from '../../test/support/ports.ts';
import type { TestProcess } from '../../test/support/process.ts';
import { drive, type LoadResult } from '../load.ts';
import type { Measurement } from '../measurement.ts';
import { cpuMicros, LOAD_CORE, memoryBytes, PROXY_CORE, startPinned } from '../pinned.ts';
import { type Contestant, contestants, nginxCommand, type Role, writeConfig } from './contestants.ts';

/** Hops from the client's side on. */
const scenarios: readonly { readonly name: string; readonly hops: readonly Role[] }[] = [
  { name: 'plain', hops: ['plain'] },
  { name: 'mtls', hops: ['mtls-client', 'mtls-server'] },
];
/** Long enough for compiled code: what is measured is a proxy that has run for a while. */
const WARM_UP_SECONDS = 4;

/** Contestants take turns within a round, so that a slow minute of the machine hits all of them. */
export async function benchHttp1(rounds: number, seconds: number, say: (line: string) => void): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
  const measurements: Measurement[] = [];
  try {
    await writeCertificates(folder);
    await using upstream = await startUpstream(folder);
    for (let round = 0; round < rounds; round += 1) {
      for (const { name: scenario, hops } of scenarios) {
        for (const contestant of contestants) {
          say(`round ${round + 1} of ${rounds}: ${scenario}, ${contestant.name}`);
          const measured = await measure(contestant, hops, upstream.port, folder, seconds);
          if (measured === null) say(`  ${contestant.name} is not installed`);
          else measurements.push({ scenario, contestant: contestant.name, ...measured });
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return measurements;
}

async function measure(
  contestant: Contestant,
  hops: readonly Role[],
  upstream: number,
  folder: string,
  seconds: number,
) {
  const processes: TestProcess[] = [];
  try {
    let port = upstream;
    for (const role of hops.toReversed()) {
      const listener = await freePort();
      const values = { listener, upstream: port, admin: await freePort(), folder };
      const command = contestant.command(writeConfig(contestant.template(role), values));
      if (command === null) return null;
      processes.push(await startPinned(PROXY_CORE, command, listener));
      port = listener;
    }
    return await load(processes, port, seconds);
  } finally {
    await Promise.all(processes.map((started) => started.stop()));
  }
}

async function load(processes: readonly TestProcess[], port: number, seconds: number) {
  const pids = processes.map(({ pid }) => pid);
  const idleBytes = memoryBytes(pids);
  await drive(port, WARM_UP_SECONDS);
  for (const { exitCode, output } of processes) {
    if (exitCode !== null) throw new Error(`a proxy ended with ${exitCode} under load:\n${output}`);
  }
  const before = cpuMicros(pids);
  const result: LoadResult = await drive(port, seconds);
  const used = cpuMicros(pids) - before;
  if (result.errors > 0 || result.requests === 0) {
    throw new Error(`${result.errors} errors in ${result.requests} requests: the measurement is void`);
  }
  return {
    cpuMicros: used / result.requests,
    requestsPerSecond: (result.requests * 1e6) / result.micros,
    p50: result.p50,
    p99: result.p99,
    idleBytes,
    loadedBytes: memoryBytes(pids),
  };
}

async function startUpstream(folder: string): Promise<AsyncDisposable & { port: number }> {
  const port = await freePort();
  const command = nginxCommand(writeConfig('nginx-upstream.conf', { listener: port, folder, body: 'x'.repeat(100) }));
  if (command === null) throw new Error('the upstream needs nginx (hint: apt install nginx wrk haproxy)');
  const started = await startPinned(LOAD_CORE, command, port);
  return { port, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

/** HAProxy wants certificate and key in one file. */
async function writeCertificates(folder: string): Promise<void> {
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
