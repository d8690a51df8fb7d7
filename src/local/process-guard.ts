// The parent's end of guard.ts: tells it which process groups are running.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export class ProcessGuard {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'guard.ts')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.unref();
    // Without a guard everything works but for one case, a parent that is killed: no reason to stop.
    this.#child.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
  }

  watch(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`);
  }

  forget(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`);
  }

  /** Ends whatever is still watched, then the guard. */
  close(): void {
    this.#child.stdin?.end();
  }
}
