// Comparisons without HTTP: both proxies get the same bootstrap, the same script talks to each, and must tell the same story.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findEnvoy } from '../../support/envoy.ts';
import { freePorts } from '../../support/ports.ts';
import { TestProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { wholeLines } from '../../support/whole-lines.ts';
import { address, cluster } from './bootstrap.ts';
import type { CertificateFiles } from './case.ts';
import { makeCertificateFiles, writeCertificateFiles } from './certificates.ts';
import { RawUpstream } from './raw-upstream.ts';
import { envoySubject, type Subject, startBoth, tulleSubject } from './stand.ts';

export type ConnectionSuite = {
  readonly name: string;
  /** Listeners by name: YAML of everything but name and address. Holes as in case.ts, and ports of listeners. */
  readonly listeners: Readonly<Record<string, string>>;
  /** YAML list, beside one cluster for each upstream, `refused` and `empty`. */
  readonly clusters?: string;
  /** YAML list of secrets. */
  readonly secrets?: string;
  readonly certificates?: boolean;
  /** Upstreams beside the usual ones, each with a cluster of its own. */
  readonly upstreams?: (files: CertificateFiles) => readonly Promise<RawUpstream>[];
  /** Makes further files before the proxy starts. */
  readonly prepare?: (folder: string, files: CertificateFiles) => void;
  /** Values of further holes, made of the certificates. */
  readonly holes?: (files: CertificateFiles) => Readonly<Record<string, string>>;
  readonly cases: readonly ConnectionCase[];
};

export type ConnectionCase = {
  readonly name: string;
  run(stand: ConnectionStand): Promise<unknown>;
  /** What Envoy's story must match, so that a case cannot pass because both fail alike. */
  readonly wants: unknown;
  /** Why ours is meant to differ, and what it is then. */
  readonly accepted?: { readonly reason: string; readonly ours: unknown };
};

const envoy = findEnvoy();

export function compareConnections(suite: ConnectionSuite): void {
  describe.skipIf(envoy === null)(`${suite.name}: as Envoy does`, () => {
    const stands: ConnectionStand[] = [];
    beforeAll(async () => {
      const files = suite.certificates === true ? await makeCertificateFiles() : {};
      const { reference, ours } = await startBoth(
        (subject) => ConnectionStand.start(subject, suite, files),
        (stand) => stand.stop(),
        [envoySubject(envoy!), tulleSubject],
      );
      stands.push(reference, ours);
    });
    afterAll(() => Promise.all(stands.map((stand) => stand.stop())));
    test.each(suite.cases.map((one) => ({ ...one })))('$name', async ({ run, wants, accepted }) => {
      const [reference, ours] = await Promise.all(
        stands.map((stand) => {
          stand.forget();
          return run(stand);
        }),
      );
      if (typeof wants === 'object' && wants !== null) expect(reference, 'Envoy').toMatchObject(wants);
      else expect(reference, 'Envoy').toEqual(wants);
      if (accepted === undefined) expect(ours).toEqual(reference);
      else if (typeof accepted.ours === 'object' && accepted.ours !== null)
        expect(ours, accepted.reason).toMatchObject(accepted.ours);
      else expect(ours, accepted.reason).toEqual(accepted.ours);
    });
  });
}

export class ConnectionStand {
  readonly files: CertificateFiles;
  readonly folder: string;
  readonly #ports: Readonly<Record<string, number>>;
  readonly #upstreams: readonly RawUpstream[];
  readonly #process: TestProcess;

  private constructor(
    files: CertificateFiles,
    folder: string,
    ports: Readonly<Record<string, number>>,
    upstreams: readonly RawUpstream[],
    started: TestProcess,
  ) {
    this.files = files;
    this.folder = folder;
    this.#ports = ports;
    this.#upstreams = upstreams;
    this.#process = started;
  }

  static async start(subject: Subject, suite: ConnectionSuite, files: CertificateFiles): Promise<ConnectionStand> {
    const folder = mkdtempSync(join(tmpdir(), `tulle-differential-${subject.name}-`));
    writeCertificateFiles(files, folder);
    suite.prepare?.(folder, files);
    const upstreams = [...(await startUpstreams(files)), ...(await Promise.all(suite.upstreams?.(files) ?? []))];
    const names = ['admin', 'dead', ...Object.keys(suite.listeners)];
    const free = await freePorts(names.length);
    const ports = Object.fromEntries([
      ...names.map((name, i) => [name, free[i]!]),
      ...upstreams.map(({ name, port }) => [name, port]),
    ]) as Record<string, number>;
    const config = join(folder, 'bootstrap.json');
    writeFileSync(config, bootstrapOf(suite, { ...ports, ...suite.holes?.(files), folder }, upstreams));
    const [command, ...args] = subject.command(config);
    const ready = async () => (await fetch(`http://127.0.0.1:${ports['admin']}/ready`)).ok;
    try {
      const started = await TestProcess.start({ command, args, ready, deadline: 40_000 });
      return new ConnectionStand(files, folder, ports, upstreams, started);
    } catch (error) {
      for (const upstream of upstreams) upstream.stop();
      throw error;
    }
  }

  port(name: string): number {
    const port = this.#ports[name];
    if (port === undefined) throw new Error(`no port named ${name}`);
    return port;
  }

  forget(): void {
    for (const upstream of this.#upstreams) upstream.forget();
  }

  /** What an upstream heard, one entry per connection. */
  heard(name: string): readonly string[] {
    return this.#upstreams.find((upstream) => upstream.name === name)!.received;
  }

  /** Lines of the log `<folder>/<name>.log` once there are so many, without what differs between stands. */
  async log(name: string, count = 1): Promise<string[]> {
    const path = join(this.folder, `${name}.log`);
    const lines = () => {
      const found = wholeLines(path);
      return found.length >= count && found;
    };
    const all = await waitFor(`${count} lines in ${path}`, lines);
    return all.map((line) => sortFlags(this.withoutPorts(line)));
  }

  /** A counter or gauge, waited for until it is what is wanted, for at most eight seconds. */
  async stat(name: string, wanted: number): Promise<number> {
    let value = Number.NaN;
    const read = async () => {
      const text = await (await fetch(`http://127.0.0.1:${this.port('admin')}/stats`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${this.#counted(name)}: `));
      value = line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
      return value === wanted;
    };
    await waitFor(name, read, { deadline: 8_000, every: 50 }).catch(() => undefined);
    return value;
  }

  withoutPorts(text: string): string {
    return Object.entries(this.#ports).reduce((all, [name, port]) => all.replaceAll(`:${port}`, `:<${name}>`), text);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    for (const upstream of this.#upstreams) upstream.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Listeners are counted under their addresses. */
  #counted(name: string): string {
    return name.replace(
      /^listener\.([\w-]+)\./,
      (_all, listener: string) => `listener.127.0.0.1_${this.port(listener)}.`,
    );
  }
}

/** Which of two flags comes first says nothing. */
function sortFlags(line: string): string {
  return line.replace(/\b[A-Z]{2,5}(,[A-Z]{2,5})+\b/g, (flags) => flags.split(',').sort().join(','));
}

async function startUpstreams(files: CertificateFiles): Promise<RawUpstream[]> {
  const { server: cert, 'server-key': key, ca } = files;
  const plain = [
    RawUpstream.start('a', 'echo'),
    RawUpstream.start('b', 'echo'),
    RawUpstream.start('greeter', 'greeter'),
    RawUpstream.start('resetter', 'resetter'),
    RawUpstream.start('ender', 'ender'),
    RawUpstream.start('web', 'web'),
    RawUpstream.start('connector', 'connector'),
  ];
  if (cert === undefined || key === undefined) return Promise.all(plain);
  const tls = { cert, key, ...(ca === undefined ? {} : { ca }) };
  return Promise.all([
    ...plain,
    RawUpstream.start('secure', 'echo', tls),
    RawUpstream.start('headed', 'headed', tls),
    RawUpstream.start('namer', 'namer', tls),
    RawUpstream.start('deep', 'namer', { cert: files['deep'] ?? '', key: files['deep-key'] ?? '' }),
  ]);
}

function bootstrapOf(
  suite: ConnectionSuite,
  values: Readonly<Record<string, number | string>>,
  upstreams: readonly RawUpstream[],
): string {
  const fill = (text: string): unknown =>
    parse(text.replace(/<(\w+)>/g, (_hole, name: string) => String(values[name])));
  const portOf = (name: string): number => Number(values[name]);
  const listeners = Object.entries(suite.listeners).map(([name, text]) => ({
    name,
    address: address(portOf(name)),
    ...(fill(text) as object),
  }));
  const clusters = [
    ...upstreams.map(({ name, port }) => cluster(name, [port])),
    cluster('refused', [portOf('dead')]),
    cluster('empty', []),
    ...((fill(suite.clusters ?? '[]') ?? []) as unknown[]),
  ];
  return JSON.stringify({
    node: { id: 'differential', cluster: 'differential' },
    admin: { address: address(portOf('admin')) },
    static_resources: { listeners, clusters, secrets: (fill(suite.secrets ?? '[]') ?? []) as unknown[] },
  });
}
