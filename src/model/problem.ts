// A problem is a value about a user's configuration: it becomes a status condition, a CLI line, a badge. It is never thrown.
import type { Origin } from './origin.ts';

export type Severity = 'error' | 'warning' | 'info';

/**
 * - `syntax`: the file or a field cannot be parsed; what is broken was left out.
 * - `invalid`: a value is not allowed; what depends on it was left out or fails closed.
 * - `unknown-kind`, `unknown-field`: nothing reads it.
 * - `unsupported`: known to the dialect, not applied yet.
 * - `dangling`: a reference to something that does not exist.
 * - `conflict`: two objects claim the same thing; the message names both and who won.
 * - `note`: works, but most people would want to know.
 */
export type ProblemCode =
  | 'syntax'
  | 'invalid'
  | 'unknown-kind'
  | 'unknown-field'
  | 'unsupported'
  | 'dangling'
  | 'conflict'
  | 'note';

export type Problem = {
  readonly severity: Severity;
  readonly code: ProblemCode;
  /** Where; printed before the message. */
  readonly origin: Origin;
  /** Lower case, what was seen. */
  readonly message: string;
  /** What to do about it; '' when there is nothing to add. */
  readonly hint: string;
};
