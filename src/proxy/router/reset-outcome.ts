// What an upstream's reset means to retries.
import type { ResetReason } from '../http/stream.ts';
import type { AttemptOutcome } from '../route/table.ts';

/** null: never retried. */
export function resetOutcome(reason: ResetReason, sent: boolean): AttemptOutcome | null {
  if (reason === 'overflow') return null;
  if (reason === 'connection-failure' || reason === 'connection-timeout') return { kind: 'connect-failure' };
  if (reason === 'refused-stream') return { kind: 'refused-stream' };
  return { kind: 'reset', requestSent: sent };
}
