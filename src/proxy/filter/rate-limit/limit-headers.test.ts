import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  RateLimitResponse_Code as Code,
  RateLimitResponseSchema,
} from '../../../xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { retryAfter } from './limit-headers.ts';

type Statuses = MessageInitShape<typeof RateLimitResponseSchema>['statuses'];
const over = (seconds: bigint) => ({ code: Code.OVER_LIMIT, durationUntilReset: { seconds, nanos: 900_000_000 } });

test.each<[name: string, statuses: Statuses, wants: string | null]>([
  ['the longest', [over(5n), over(3n), { code: Code.OK, durationUntilReset: { seconds: 30n } }], '5'],
  ['one second at least', [over(0n)], '1'],
  ['without a time', [{ code: Code.OVER_LIMIT }], '1'],
  ['no limit that is used up', [{ code: Code.OK, durationUntilReset: { seconds: 30n } }], null],
  ['nothing', [], null],
])('when to come again: %s', (_name, statuses, wants) => {
  expect(retryAfter(create(RateLimitResponseSchema, { statuses: statuses! }))).toBe(wants);
});
