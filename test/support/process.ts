// Child processes of tests: started, watched until ready, and ended by their own id, also when the test process dies.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { waitFor, within } from './wait-for.ts';

export const repositoryRoot = join(import.meta.dirname, '../..');
/** The pinned Node: the one that runs this. */
export const pinnedNode = process.execPath;
/** Our proxy as it is released, which starts in a quarter of the time of its sources; bundled before the tests (`bundled.mjs`). */
export const proxyProgram = join(repositoryRoot, 'dist/bin/proxy.js');
/** What children are compiled to, once and not at every start. */
const compiled = join(repositoryRoot, 'node_modules/.cache/tulle');

export type StartOptions = {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** True once the process does its work; asked until it is, or throws. */
  readonly ready?: () => boolean | Promise<boolean>;
  /** Milliseconds to become ready. */
  readonly deadline?: number;
};

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A running child. `await using` stops it. */
export class TestProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number>;
  /** What it wrote, both streams. */
  output = '';
  /** null while it runs; 128 + n for signal n is not told apart from an exit code of -1. */
  exitCode: number | null = null;

  private constructor(options: StartOptions) {
    this.#child = spawn(options.command, options.args ?? [], {
      cwd: options.cwd ?? repositoryRoot,
      env: { NODE_COMPILE_CACHE: compiled, ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#exited = new Promise((resolve) => {
      const settle = (code: number): void => {
        this.exitCode ??= code;
        running.delete(this.#child);
        resolve(this.exitCode);
      };
      this.#child.once('error', (error) => {
        this.output += `${error.message}\n`;
        settle(-1);
      });
      this.#child.once('close', (code) => settle(code ?? -1));
    });
  }

  static async start(options: StartOptions): Promise<TestProcess> {
    const started = new TestProcess(options);
    const { ready } = options;
    if (ready === undefined) return started;
    const title = [options.command, ...(options.args ?? [])].join(' ');
    try {
      await waitFor(`ready: ${title}`, () => started.exitCode !== null || ready(), { deadline: options.deadline });
    } catch (error) {
      await started.stop();
      throw new Error(`${title} did not become ready:\n${excerpt(started.output)}`, { cause: error });
    }
    if (started.exitCode !== null)
      throw new Error(`${title} ended with ${started.exitCode}:\n${excerpt(started.output)}`);
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  exited(deadline?: number): Promise<number> {
    return within(`exit of process ${this.pid}`, this.#exited, deadline);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** SIGTERM, then SIGKILL when it does not end in time. */
  async stop(grace = 3_000): Promise<number> {
    if (this.exitCode !== null) return this.exitCode;
    this.signal('SIGTERM');
    try {
      return await this.exited(grace);
    } catch {
      this.signal('SIGKILL');
      return this.exited();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function excerpt(output: string): string {
  return output.length > 2_000 ? `${output.slice(0, 1_000)}\n…\n${output.slice(-1_000)}` : output;
}
