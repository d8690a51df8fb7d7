// Processes pinned to one core, and what they cost: CPU time and memory of the whole tree, from /proc.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { TestProcess } from '../test/support/process.ts';

export const PROXY_CORE = '0';
export const LOAD_CORE = '1';

/** Starts the command on the core and waits until it accepts connections on the port. */
export function startPinned(core: string, command: readonly string[], port: number): Promise<TestProcess> {
  const args = ['-c', core, ...command];
  return TestProcess.start({ command: 'taskset', args, ready: () => accepts(port), deadline: 20_000 });
}

/** User and system time in microseconds since the start, of the processes and their descendants. */
export function cpuMicros(pids: readonly number[]): number {
  const ticks = withDescendants(pids).map((pid) => {
    const [utime, stime] = statFields(pid).slice(11, 13);
    return Number(utime) + Number(stime);
  });
  return (sum(ticks) * 1e6) / TICKS_PER_SECOND;
}

/** Resident set in bytes, summed over the processes: what they share counts for each of them. */
export function memoryBytes(pids: readonly number[]): number {
  const kibibytes = withDescendants(pids).map((pid) => {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  });
  return sum(kibibytes) * 1024;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

function withDescendants(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(children === '' ? [] : withDescendants(children.split(' ').map(Number)))];
  });
}

/** Fields of /proc/PID/stat from the state on; the name before them may hold spaces. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
