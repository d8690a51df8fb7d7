// The CEL library, loaded with the first expression of a configuration: most proxies never need it.
import { createRequire } from 'node:module';
import type * as Cel from '@bufbuild/cel';
import type * as Extensions from '@bufbuild/cel/ext';

type Library = typeof Cel & { readonly strings: typeof Extensions.strings };

let library: Library | null = null;

export function cel(): Library {
  library ??= load();
  return library;
}

function load(): Library {
  const require = createRequire(import.meta.url);
  const { strings } = require('@bufbuild/cel/ext') as typeof Extensions;
  return { ...(require('@bufbuild/cel') as typeof Cel), strings };
}
