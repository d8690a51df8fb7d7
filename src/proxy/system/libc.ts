// Functions of the C library that Node has no call for. The binding is loaded with the first of them: most proxies never need one.
import { createRequire } from 'node:module';

type Library = { func(prototype: string): (...values: never[]) => number };

let library: Library | null | undefined;

/** `prototype` as in C, `int madvise(uintptr_t at, size_t length, int advice)`; null where this is no Linux with GNU's C library. */
export function libcFunction<F extends (...values: never[]) => number>(prototype: string): F | null {
  if (library === undefined) library = load();
  return library === null ? null : (library.func(prototype) as F);
}

function load(): Library | null {
  if (process.platform !== 'linux') return null;
  const require = createRequire(import.meta.url);
  const koffi = require('koffi') as { load(name: string): Library };
  try {
    return koffi.load('libc.so.6');
  } catch {
    // Another C library, as in Alpine.
    return null;
  }
}
