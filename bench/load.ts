// What a load generator reports, and how one is run: on the load core, with a limit on its time.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LOAD_CORE } from './pinned.ts';

export type LoadResult = {
  readonly requests: number;
  /** How long it really took. */
  readonly micros: number;
  readonly errors: number;
};

/** Latencies in microseconds. */
export type Latencies = { readonly p50: number; readonly p99: number; readonly p999: number };

/** What it wrote to its standard output. */
export async function runLoad(command: readonly string[], seconds: number): Promise<string> {
  const { stdout } = await promisify(execFile)('taskset', ['-c', LOAD_CORE, ...command], {
    timeout: (seconds + 10) * 1000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
