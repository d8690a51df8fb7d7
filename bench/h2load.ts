// HTTP/2 as fast as the proxy answers, and either version at a fixed rate: h2load from the load core.
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Latencies, type LoadResult, runLoad } from './load.ts';

export type H2Load = {
  /** `h1` speaks HTTP/1.1. */
  readonly protocol: 'h1' | 'h2';
  readonly connections: number;
  /** Requests in flight per connection. */
  readonly streams: number;
  /** Whole lines. */
  readonly headers?: readonly string[];
  /** File whose bytes are POSTed. */
  readonly body?: string;
};

export async function h2load(port: number, seconds: number, load: H2Load): Promise<LoadResult> {
  const output = await runLoad([...command(load, seconds), address(port)], seconds);
  const finished = /^finished in ([\d.]+)(m?s),/m.exec(output);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output);
  const statuses = /status codes: (\d+) 2xx/.exec(output);
  if (!finished || !counts || !statuses) throw new Error(`h2load gave no result:\n${output}`);
  const requests = Number(statuses[1]);
  const errors = Number(counts[2]) + Number(counts[3]) + Number(counts[4]) + Number(counts[1]) - requests;
  return { requests, errors, micros: Number(finished[1]) * (finished[2] === 's' ? 1e6 : 1e3) };
}

/** Latencies at `rate` requests per second. */
export async function h2loadLatencies(port: number, seconds: number, load: H2Load, rate: number): Promise<Latencies> {
  const log = join(tmpdir(), `tulle-bench-${process.pid}-h2load.log`);
  const perConnection = Math.max(1, Math.round(rate / load.connections));
  try {
    await runLoad([...command(load, seconds), `--rps=${perConnection}`, `--log-file=${log}`, address(port)], seconds);
    const times = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => Number(line.split('\t')[2]));
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
  } finally {
    rmSync(log, { force: true });
  }
}

function command(load: H2Load, seconds: number): string[] {
  return [
    'h2load',
    ...(load.protocol === 'h1' ? ['--h1'] : []),
    '-c',
    `${load.connections}`,
    '-m',
    `${load.streams}`,
    '-D',
    `${seconds}`,
    ...(load.headers ?? []).flatMap((line) => ['-H', line]),
    ...(load.body === undefined ? [] : ['-d', load.body]),
  ];
}

const address = (port: number): string => `http://127.0.0.1:${port}/bench`;
