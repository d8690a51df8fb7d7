// Functions of the C library that Node has no call for. The binding is loaded with the first of them: most proxies never need one.
import { createRequire } from 'node:module';

type Library = { func(prototype: string): (...values: never[]) => number };
type Binding = { load(name: string): Library; errno(): number };

let library: Library | null | undefined;
let binding: Binding | null = null;

/** `prototype` as in C, `int madvise(uintptr_t at, size_t length, int advice)`; null where this is no Linux with GNU's C library. */
export function libcFunction<F extends (...values: never[]) => number>(prototype: string): F | null {
  if (library === undefined) library = load();
  return library === null ? null : (library.func(prototype) as F);
}

/** `errno` of the last call that failed. */
export function lastError(): number {
  return binding?.errno() ?? 0;
}

function load(): Library | null {
  if (process.platform !== 'linux') return null;
  const require = createRequire(import.meta.url);
  binding = require('koffi') as Binding;
  try {
    return binding.load('libc.so.6');
  } catch {
    // Another C library, as in Alpine.
    return null;
  }
}
