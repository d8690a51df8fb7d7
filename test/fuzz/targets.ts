// Everything that is fuzzed.
import { hpack } from './hpack.ts';
import { http1 } from './http1.ts';
import { http2Client, http2Server } from './http2.ts';
import type { Target } from './target.ts';

export const targets: readonly Target[] = [http1, hpack, http2Server, http2Client];
