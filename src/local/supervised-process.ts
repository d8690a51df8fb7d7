// One process that is to run until it is told to stop: started again when it ends by itself, later and later while it keeps doing so.
//   stopped ──start──► running ──exits──► waiting ──delay──► running …        stop() leads to stopped from anywhere, for good
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';

export type ProcessSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Both output streams go there; begun anew with the first start. */
  readonly logFile: string;
};

export type ProcessEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number }
  /** It ended by itself, or could not start. `again`: milliseconds until the next try. */
  | {
      readonly kind: 'ended';
      readonly name: string;
      readonly reason: string;
      readonly again: number;
      readonly logFile: string;
    };

export type Supervision = {
  readonly clock: Clock;
  readonly guard: { watch(pid: number): void; forget(pid: number): void };
  readonly onEvent: (event: ProcessEvent) => void;
};

const FIRST_DELAY = 250;
const LONGEST_DELAY = 10_000;
/** Running this long, milliseconds, makes up for earlier crashes. */
const PROVEN = 30_000;

export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #supervision: Supervision;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #cancelRestart: (() => void) | null = null;
  #delay = FIRST_DELAY;
  #starts = 0;
  #stopped = false;

  constructor(spec: ProcessSpec, supervision: Supervision) {
    this.spec = spec;
    this.#supervision = supervision;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    const { command, args, cwd, env, logFile, name } = this.spec;
    const log = openSync(logFile, this.#starts === 0 ? 'w' : 'a', 0o600);
    this.#starts += 1;
    const startedAt = this.#supervision.clock.now();
    // A group of its own: Ctrl-C reaches only the parent, and a signal reaches also what the process started.
    const child = spawn(command, args, { cwd, env: { ...env }, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#onEnd(child, reason, startedAt);
        resolve();
      };
      child.once('error', (error) => end(reasonOf(error, this.spec)));
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    if (child.pid === undefined) return;
    this.#supervision.guard.watch(child.pid);
    this.#supervision.onEvent({ kind: 'started', name, pid: child.pid });
  }

  /** SIGTERM to the process and all it started, SIGKILL after `grace` milliseconds. Resolves when it is gone. */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart?.();
    const pid = this.pid;
    if (pid === null) return;
    signalGroup(pid, 'SIGTERM');
    const cancel = this.#supervision.clock.after(grace, () => signalGroup(pid, 'SIGKILL'));
    await this.#ended;
    cancel();
  }

  #onEnd(child: ChildProcess, reason: string, startedAt: number): void {
    if (this.#child !== child) return;
    this.#child = null;
    if (child.pid !== undefined) {
      // What it started must not go on without it, and would hold its ports.
      signalGroup(child.pid, 'SIGKILL');
      this.#supervision.guard.forget(child.pid);
    }
    if (this.#stopped) return;
    const { clock, onEvent } = this.#supervision;
    if (clock.now() - startedAt >= PROVEN) this.#delay = FIRST_DELAY;
    const again = this.#delay;
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
    onEvent({ kind: 'ended', name: this.spec.name, logFile: this.spec.logFile, reason, again });
    this.#cancelRestart = clock.after(again, () => this.start());
  }
}

function reasonOf(error: Error, { command, cwd }: ProcessSpec): string {
  // spawn blames the command for a missing folder, too.
  return 'code' in error && error.code === 'ENOENT' ? `${command} not found (or folder ${cwd} missing)` : error.message;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Gone already: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
