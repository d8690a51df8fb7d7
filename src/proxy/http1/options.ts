// What may be chosen about HTTP/1.1 connections of either side, and more of those that clients make.
import type { DepartureLimits } from '../http/departure.ts';
import type { HeadLimits } from '../http/head-deadline.ts';
import type { Spelling } from '../http/spelling.ts';
import type { ParserOptions } from './request-parser.ts';
import type { SpellingMemory } from './spelled-head.ts';

export type Http1Options = {
  /** Of heads that bring no spelling; null: lower case. */
  readonly spelling: Spelling | null;
  /** Whether and how the spelling of what the peer sends is passed on. */
  readonly spellingMemory: SpellingMemory | null;
  /** Targets of requests may be URLs; otherwise such a URL counts as a path. */
  readonly takesUrls: boolean;
};

export const defaultHttp1Options: Http1Options = { spelling: null, spellingMemory: null, takesUrls: true };

export type ServerConnectionOptions = HeadLimits &
  DepartureLimits &
  ParserOptions & { readonly maxHeadBytes: number; readonly http1: Http1Options };
