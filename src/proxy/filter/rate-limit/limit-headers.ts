// draft-polli-ratelimit-headers-03: what a client may know of the limit it is closest to, and of all that hold for it.
import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  RateLimitResponse_Code as Code,
  type RateLimitResponse,
  type RateLimitResponse_DescriptorStatus as Status,
  RateLimitResponse_RateLimit_Unit as Unit,
} from '../../../xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';

const DAY = 86_400;
const SECONDS: ReadonlyMap<number, number> = new Map([
  [Unit.SECOND, 1],
  [Unit.MINUTE, 60],
  [Unit.HOUR, 3_600],
  [Unit.DAY, DAY],
  [Unit.WEEK, 7 * DAY],
  [Unit.MONTH, 30 * DAY],
  [Unit.YEAR, 365 * DAY],
]);

/** Seconds until the last limit that is used up has room again, 1 at least; null: the service says of none. */
export function retryAfter({ statuses }: RateLimitResponse): string | null {
  const over = statuses.filter(({ code }) => code === Code.OVER_LIMIT);
  if (over.length === 0) return null;
  const waits = over.map(({ durationUntilReset: wait }) => (wait === undefined ? 0 : Number(wait.seconds)));
  return String(Math.max(1, ...waits));
}

export function limitHeaders({ statuses }: RateLimitResponse): (readonly [name: string, value: string])[] {
  let least: Status | null = null;
  let policy = '';
  for (const status of statuses) {
    const limit = status.currentLimit;
    if (limit === undefined) continue;
    if (least === null || status.limitRemaining < least.limitRemaining) least = status;
    const window = SECONDS.get(limit.unit);
    if (window === undefined) continue;
    policy += `, ${limit.requestsPerUnit};w=${window}`;
    if (limit.name !== '') policy += `;name="${limit.name}"`;
  }
  if (least?.currentLimit === undefined) return [];
  const reset = least.durationUntilReset === undefined ? 0 : Math.floor(durationMs(least.durationUntilReset) / 1_000);
  return [
    ['x-ratelimit-limit', `${least.currentLimit.requestsPerUnit}${policy}`],
    ['x-ratelimit-remaining', String(least.limitRemaining)],
    ['x-ratelimit-reset', String(reset)],
  ];
}
