// Drives a proxy with wrk: keep-alive connections from the load core, for a bounded time.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LOAD_CORE } from './pinned.ts';

export type LoadResult = {
  readonly requests: number;
  /** How long it really took. */
  readonly micros: number;
  /** Latencies in microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
};

const CONNECTIONS = 32;

export async function drive(port: number, seconds: number): Promise<LoadResult> {
  const script = join(import.meta.dirname, 'report.lua');
  const wrk = ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}/bench`];
  const { stdout } = await promisify(execFile)('taskset', ['-c', LOAD_CORE, ...wrk], {
    timeout: (seconds + 10) * 1000,
  });
  const line = /^RESULT (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result:\n${stdout}`);
  return JSON.parse(line) as LoadResult;
}
