// Which dialect goes first when several speak about one thing.
import type { Dialect } from '../model/origin.ts';
import type { RetryPolicy } from '../model/route.ts';
import { millis } from '../model/units.ts';

/** The standard first, then by how much of the routing a dialect can say; what no user wrote comes last. */
const ranks: readonly Dialect[] = ['gateway-api', 'istio', 'linkerd', 'smi', 'kubernetes', 'tulle'];

export const dialectRank = (dialect: Dialect): number => ranks.indexOf(dialect);

/** Istio's documented default; used too where no object speaks. Linkerd and SMI document that nothing is retried unless asked for. */
const meshRetry: RetryPolicy = {
  limit: { kind: 'attempts', retries: 2 },
  on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
  statuses: [503],
  perTryTimeout: { kind: 'default' },
  backoff: { base: millis(25), max: millis(250) },
};

export const defaultRetry = (dialect: Dialect): RetryPolicy | null =>
  dialect === 'linkerd' || dialect === 'smi' ? null : meshRetry;
