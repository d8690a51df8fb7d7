// Our proxy as a process with a bootstrap of the test's own, and what its admin interface says of it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinnedNode, proxyProgram, TestProcess } from './process.ts';

/** Of Node, and of the proxy; `descriptors` is how many files and sockets it may have open. */
export type Flags = {
  readonly flags?: readonly string[];
  readonly options?: readonly string[];
  readonly descriptors?: number;
};

/** Per second, of /proc; the same on all common Linux. */
const CLOCK_TICKS = 100;

export class ProxyUnderTest implements AsyncDisposable {
  readonly folder: string;
  readonly #admin: number;
  readonly #process: TestProcess;

  private constructor(folder: string, admin: number, started: TestProcess) {
    this.folder = folder;
    this.#admin = admin;
    this.#process = started;
  }

  /** `bootstrap` gets the folder its files may stand in; its admin port is `admin`. */
  static async start(
    admin: number,
    bootstrap: (folder: string) => object | Promise<object>,
    { flags = [], options = [], descriptors }: Flags = {},
  ): Promise<ProxyUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-faults-'));
    const config = join(folder, 'bootstrap.json');
    await writeFile(config, JSON.stringify({ ...(await bootstrap(folder)), admin: { address: address(admin) } }));
    const ready = async () => (await fetch(`http://127.0.0.1:${admin}/ready`)).status === 200;
    const limited = descriptors === undefined ? [] : ['sh', '-c', `ulimit -n ${descriptors} && exec "$0" "$@"`];
    const program = [...limited, pinnedNode, ...flags];
    const [command = pinnedNode, ...args] = [...program, proxyProgram, '-c', config, '-l', 'warn', ...options];
    return new ProxyUnderTest(folder, admin, await TestProcess.start({ command, args, ready, deadline: 40_000 }));
  }

  get output(): string {
    return this.#process.output;
  }

  get alive(): boolean {
    return this.#process.exitCode === null;
  }

  /** Seconds of CPU it has used. */
  async cpu(): Promise<number> {
    const [, fields = ''] = (await readFile(`/proc/${this.#process.pid}/stat`, 'latin1')).split(') ');
    const [user, system] = fields.split(' ').slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) / CLOCK_TICKS;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.signal(name);
  }

  exited(): Promise<number> {
    return this.#process.exited();
  }

  /** What the admin interface answers. */
  async admin(path: string, method = 'GET'): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#admin}${path}`, { method })).text();
  }

  /** Metrics, in the format a scraper of `accept` gets. */
  async scrape(accept: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#admin}/stats/prometheus`, { headers: { accept } })).text();
  }

  /** A counter or gauge; 0 when there is none. */
  async stat(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#admin}/stats?filter=^${name}$`)).text();
    return Number(text.split(': ')[1] ?? 0);
  }

  /** Bytes that are resident. */
  async memory(): Promise<number> {
    const { total_physical_bytes } = (await (await fetch(`http://127.0.0.1:${this.#admin}/memory`)).json()) as Record<
      string,
      string
    >;
    return Number(total_physical_bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export const address = (port_value: number) => ({ socket_address: { address: '127.0.0.1', port_value } });
