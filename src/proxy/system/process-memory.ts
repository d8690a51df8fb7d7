// The memory of this process, as `idle-memory.ts` looks at it.
import { readFileSync } from 'node:fs';
import type { ProcessMemory } from './idle-memory.ts';
import { memoryRelease } from './memory-release.ts';

const PAGE = 4096;

/** Collects garbage where Node was started with --expose-gc. */
export function processMemory(): ProcessMemory {
  let last = performance.eventLoopUtilization();
  let giveBack: (() => void) | null | undefined;
  return {
    busy() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
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
