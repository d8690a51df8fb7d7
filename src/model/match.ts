// What can be asked of a request. Shared by routes and authorization.
import type { Origin } from './origin.ts';

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  | { readonly kind: 'contains'; readonly value: string }
  /** RE2 syntax; matches the whole value. */
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export type PathMatch =
  | { readonly kind: 'exact'; readonly value: string; readonly ignoreCase: boolean }
  /** Plain string prefix: `/foo` matches `/foobar`. */
  | { readonly kind: 'prefix'; readonly value: string; readonly ignoreCase: boolean }
  /** Element-wise prefix: `/foo` matches `/foo` and `/foo/bar`, not `/foobar`. Never ends in `/` unless it is `/`. */
  | { readonly kind: 'path-prefix'; readonly value: string }
  /** RE2 syntax; matches the whole path without the query. */
  | { readonly kind: 'regex'; readonly value: string };

/** `name` is lower case for headers. `invert` matches when `match` does not (an absent value does not match). */
export type NamedMatch = { readonly name: string; readonly match: StringMatch; readonly invert: boolean };

/** All parts must hold. `path: null` is any path, `method: null` any method. */
export type RequestMatch = {
  readonly path: PathMatch | null;
  readonly method: StringMatch | null;
  readonly authority: StringMatch | null;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
  /** Applies only to clients that have these labels and are in this namespace; null is every client. */
  readonly client: { readonly labels: Readonly<Record<string, string>>; readonly namespace: string | null } | null;
  readonly origin: Origin;
};
