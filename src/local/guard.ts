// Runs as its own process beside `tulle up` and outlives it just long enough: when its standard input ends, however that came about
// (also by SIGKILL of the parent), it ends every process group it was told of and not told to forget. Nothing is left running.
// Input: lines of `+<pid>` and `-<pid>`.
import { createInterface } from 'node:readline';

const GRACE = 2_000;
const groups = new Set<number>();

// Only the end of the input ends the guard: the signals of a terminal reach the whole session.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const pid = Number(line.slice(1));
    if (!Number.isInteger(pid) || pid <= 1) return;
    if (line.startsWith('+')) groups.add(pid);
    else groups.delete(pid);
  })
  .on('close', () => {
    for (const pid of groups) signalGroup(pid, 'SIGTERM');
    const end = Date.now() + GRACE;
    const timer = setInterval(() => {
      const alive = [...groups].filter((pid) => signalGroup(pid, 0));
      if (alive.length > 0 && Date.now() < end) return;
      for (const pid of alive) signalGroup(pid, 'SIGKILL');
      clearInterval(timer);
    }, 50);
  });

/** False when the group is gone. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
