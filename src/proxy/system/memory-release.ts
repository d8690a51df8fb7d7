// Gives memory back that a process holds without using it: what malloc keeps of freed blocks, and pages of the program's file that only its
// start needed. Those come back from the page cache when they are touched again.
import { readFileSync } from 'node:fs';
import { libcFunction } from './libc.ts';

const MADV_DONTNEED = 4;

export type Mapping = { readonly start: number; readonly length: number };

/** null where the system has no such calls. */
export function memoryRelease(): (() => void) | null {
  const trim = libcFunction<(keep: number) => number>('int malloc_trim(size_t keep)');
  const advise = libcFunction<(at: number, length: number, advice: number) => number>(
    'int madvise(uintptr_t at, size_t length, int advice)',
  );
  if (trim === null || advise === null) return null;
  return () => {
    trim(0);
    for (const { start, length } of untouchedMappings(readFileSync('/proc/self/smaps', 'utf8'), process.execPath)) {
      advise(start, length, MADV_DONTNEED);
    }
  };
}

/**
 * Where the file is mapped read-only and every page is still the file's: proc_pid_smaps(5). A page that the loader has written to is
 * anonymous memory, and would be lost.
 */
export function untouchedMappings(smaps: string, file: string): Mapping[] {
  const entries = smaps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(.*)\n((?:\w+:.*\n)*)/gm);
  return [...entries]
    .filter(
      ([, , , access, path, fields]) => path === file && !access!.includes('w') && /^Anonymous: +0 kB$/m.test(fields!),
    )
    .map(([, from, to]) => ({ start: Number(`0x${from}`), length: Number(`0x${to}`) - Number(`0x${from}`) }));
}
