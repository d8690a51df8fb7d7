// One proxy under test with upstreams of its own, so that two can be asked the same at the same time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../support/ports.ts';
import { pinnedNode, proxyProgram, TestProcess } from '../../support/process.ts';
import { RawConnection } from '../../support/raw-http.ts';
import { hearAll } from '../../support/turns.ts';
import { ScriptedUpstream } from '../../support/upstream.ts';
import { waitFor } from '../../support/wait-for.ts';
import { wholeLines } from '../../support/whole-lines.ts';
import { bootstrap, listenerNames } from './bootstrap.ts';
import type { CertificateFiles, SubjectName, Suite } from './case.ts';
import { writeCertificateFiles } from './certificates.ts';

export type Subject = { readonly name: SubjectName; command(config: string): readonly [string, ...string[]] };

/** Milliseconds: logs are read soon after what they tell of. */
const logsSoon = ['--file-flush-interval-msec', '10'];

export function envoySubject(binary: string): Subject {
  const options = ['--concurrency', '1', '--disable-hot-restart', ...logsSoon, '-l', 'error'];
  return { name: 'envoy', command: (config) => [binary, '-c', config, ...options] };
}

export const tulleSubject: Subject = {
  name: 'tulle',
  // As Envoy, it ends at once when it is told to.
  command: (config) => [pinnedNode, proxyProgram, '-c', config, ...logsSoon, '--termination-drain-time-s', '0'],
};

/** Envoy's and ours, or those that `subjects` are. Where one does not start, the other is stopped again. */
export async function startBoth<Started>(
  start: (subject: Subject) => Promise<Started>,
  stop: (started: Started) => Promise<unknown>,
  subjects: readonly [reference: Subject, ours: Subject],
): Promise<{ readonly reference: Started; readonly ours: Started }> {
  const [reference, ours] = await Promise.allSettled([start(subjects[0]), start(subjects[1])]);
  if (reference.status === 'fulfilled' && ours.status === 'fulfilled')
    return { reference: reference.value, ours: ours.value };
  for (const one of [reference, ours]) if (one.status === 'fulfilled') await stop(one.value);
  throw reference.status === 'rejected' ? reference.reason : (ours as PromiseRejectedResult).reason;
}

export class Stand implements AsyncDisposable {
  readonly subject: string;
  readonly upstreams: readonly ScriptedUpstream[];
  readonly certificates: CertificateFiles;
  readonly #ports: Readonly<Record<string, number>>;
  /** Where the configuration and the logs are. */
  readonly folder: string;
  readonly #process: TestProcess;

  private constructor(
    subject: string,
    upstreams: readonly ScriptedUpstream[],
    ports: Readonly<Record<string, number>>,
    folder: string,
    certificates: CertificateFiles,
    started: TestProcess,
  ) {
    this.subject = subject;
    this.upstreams = upstreams;
    this.certificates = certificates;
    this.#ports = ports;
    this.folder = folder;
    this.#process = started;
  }

  static async start(subject: Subject, suite: Suite, certificates: CertificateFiles): Promise<Stand> {
    const folder = mkdtempSync(join(tmpdir(), `tulle-differential-${subject.name}-`));
    writeCertificateFiles(certificates, folder);
    const upstreams = await startUpstreams(certificates);
    const listeners = listenerNames(suite);
    const free = await freePorts(listeners.length + 2);
    const ports: Record<string, number> = { ...suite.ports?.(subject.name), admin: free.pop()!, dead: free.pop()! };
    for (const name of listeners) ports[name] = free.pop()!;
    for (const { name, port } of upstreams) ports[name] = port;
    for (const [name, content] of Object.entries(suite.files ?? {})) writeFileSync(join(folder, name), content);
    const config = join(folder, 'bootstrap.json');
    writeFileSync(config, bootstrap(suite, ports, folder));
    const [command, ...args] = subject.command(config);
    const ready = async (): Promise<boolean> =>
      (await Promise.all(listeners.map((name) => accepts(ports[name]!)))).every(Boolean);
    try {
      const started = await TestProcess.start({ command, args, ready, deadline: 40_000 });
      return new Stand(subject.name, upstreams, ports, folder, certificates, started);
    } catch (error) {
      await Promise.all(upstreams.map((upstream) => upstream.stop()));
      throw error;
    }
  }

  portOf(listener: string): number {
    const port = this.#ports[listener];
    if (port === undefined) throw new Error(`no listener named ${listener}`);
    return port;
  }

  /** Fills holes of ports, as in `localhost:<a>`. */
  withPorts(text: string): string {
    return text.replace(/:<(\w+)>/g, (hole, name: string) => (name in this.#ports ? `:${this.#ports[name]}` : hole));
  }

  /** Replaces what differs between two stands of the same suite: ports. */
  withoutPorts(text: string): string {
    return Object.entries(this.#ports).reduce((all, [name, port]) => all.replaceAll(`:${port}`, `:<${name}>`), text);
  }

  /** Every port of it, by what listens there. */
  get ports(): readonly number[] {
    return Object.values(this.#ports);
  }

  /** Lines of the access log so far. */
  accessLog(): string[] {
    return wholeLines(join(this.folder, 'access.log'));
  }

  /** Waits until upstreams have heard what was sent to them, and so many requests: what is mirrored may come after the client's answer. */
  async hear(requests = 0): Promise<void> {
    await hearAll();
    const heard = () => this.upstreams.reduce((sum, { received }) => sum + received.length, 0) >= requests;
    // Too few are for the comparison to find.
    if (!heard()) await waitFor('requests', heard).catch(() => undefined);
  }

  /** What the proxy wrote, for messages of failures; throws when it ended. */
  assertAlive(): void {
    if (this.#process.exitCode === null) return;
    throw new Error(`${this.subject} ended with ${this.#process.exitCode}:\n${this.#process.output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await Promise.all(this.upstreams.map((upstream) => upstream.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** `secure` speaks mutual TLS; it exists where there are certificates. */
function startUpstreams(certificates: CertificateFiles): Promise<ScriptedUpstream[]> {
  const plain = ['a', 'b', 'c'].map((name) => ScriptedUpstream.start(name));
  const { server: cert, 'server-key': key, ca } = certificates;
  if (cert === undefined) return Promise.all(plain);
  return Promise.all([...plain, ScriptedUpstream.start('secure', { tls: { cert, key, ca, requestCert: true } })]);
}

async function accepts(port: number): Promise<boolean> {
  using connection = await RawConnection.open(port);
  return connection !== undefined;
}
