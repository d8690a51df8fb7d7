// The memory of this process, as `idle-memory.ts` looks at it.
import { readFileSync } from 'node:fs';
import type { ProcessMemory } from './idle-memory.ts';
import { memoryRelease } from './memory-release.ts';

const PAGE = 4096;

/** Collects garbage where Node was started with --expose-gc. */
export function processMemory(): ProcessMemory {
  let lastLook = performance.now();
  let lastUsed = process.cpuUsage();
  let giveBack: (() => void) | null | undefined;
  return {
    busy() {
      const now = performance.now();
      const { user, system } = process.cpuUsage(lastUsed);
      const share = (user + system) / 1000 / (now - lastLook);
      lastLook = now;
      lastUsed = process.cpuUsage();
      return share;
    },
    anonymous() {
      // Pages in all, resident, of files: proc_pid_statm(5).
      const [, resident, file] = readFileSync('/proc/self/statm', 'utf8').split(' ').map(Number);
      return (resident! - file!) * PAGE;
    },
    release(thorough) {
      globalThis.gc?.({ type: 'major', execution: 'sync', flavor: thorough ? 'last-resort' : 'regular' });
      giveBack ??= memoryRelease();
      giveBack?.();
    },
  };
}
