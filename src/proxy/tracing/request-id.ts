// Why a request is traced, kept in its request id: the version digit of the UUID says it, so that every proxy on the way decides alike (Envoy's
// envoy.request_id.uuid).

export type TraceReason = 'none' | 'sampled' | 'client' | 'forced';

const VERSION_AT = 14;
const DIGITS: Readonly<Record<TraceReason, string>> = { none: '4', sampled: '9', client: 'b', forced: 'a' };

export function reasonOf(id: string): TraceReason {
  if (id.length !== 36) return 'none';
  switch (id[VERSION_AT]) {
    case DIGITS.sampled:
      return 'sampled';
    case DIGITS.client:
      return 'client';
    case DIGITS.forced:
      return 'forced';
    default:
      return 'none';
  }
}

/** Ids that are no UUIDs stay as they are. */
export function withReason(id: string, reason: TraceReason): string {
  return id.length === 36 ? `${id.slice(0, VERSION_AT)}${DIGITS[reason]}${id.slice(VERSION_AT + 1)}` : id;
}

/** A number of the id's own that shares are drawn with; null where it has none. */
export function drawOf(id: string): number | null {
  return /^[0-9a-f]{8}/.test(id) ? Number.parseInt(id.slice(0, 8), 16) % 10_000 : null;
}
