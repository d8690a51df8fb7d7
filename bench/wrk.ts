// HTTP/1.1 as fast as the proxy answers: wrk with keep-alive connections from the load core, for a bounded time.
import { join } from 'node:path';
import { type LoadResult, runLoad } from './load.ts';

const CONNECTIONS = 32;

/** `headers` are whole lines. */
export async function wrk(port: number, seconds: number, headers: readonly string[] = []): Promise<LoadResult> {
  const script = join(import.meta.dirname, 'report.lua');
  const options = headers.flatMap((line) => ['-H', line]);
  const stdout = await runLoad(
    ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, ...options, `http://127.0.0.1:${port}/bench`],
    seconds,
  );
  const line = /^RESULT (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result:\n${stdout}`);
  return JSON.parse(line) as LoadResult;
}
