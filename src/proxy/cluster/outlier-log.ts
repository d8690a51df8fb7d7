// Ejections of endpoints and their ends, told line by line as JSON: envoy.data.cluster.v3.OutlierDetectionEvent, in Envoy's form.
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  Action,
  OutlierDetectionEventSchema,
  OutlierEjectionType,
} from '../../xds/gen/envoy/data/cluster/v3/outlier_detection_event_pb.ts';
import type { Host } from './host.ts';
import type { AnyDetector } from './outlier-detection.ts';

/** Where lines go; one character is one byte. */
export type LineWriter = { write(line: string): void };

export type OutlierLogContext = {
  readonly cluster: string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly epoch: () => number;
  readonly writer: LineWriter;
};

/** What the endpoint was compared with, in percent; null: it failed in a row. */
export type Comparison = { readonly rate: number; readonly mean: number; readonly threshold: number } | null;

const TYPES: Readonly<Record<AnyDetector, OutlierEjectionType>> = {
  consecutive_5xx: OutlierEjectionType.CONSECUTIVE_5XX,
  consecutive_gateway_failure: OutlierEjectionType.CONSECUTIVE_GATEWAY_FAILURE,
  consecutive_local_origin_failure: OutlierEjectionType.CONSECUTIVE_LOCAL_ORIGIN_FAILURE,
  success_rate: OutlierEjectionType.SUCCESS_RATE,
  local_origin_success_rate: OutlierEjectionType.SUCCESS_RATE_LOCAL_ORIGIN,
  failure_percentage: OutlierEjectionType.FAILURE_PERCENTAGE,
  local_origin_failure_percentage: OutlierEjectionType.FAILURE_PERCENTAGE_LOCAL_ORIGIN,
};

type Event = MessageInitShape<typeof OutlierDetectionEventSchema>;

export class OutlierLog {
  readonly #context: OutlierLogContext;

  constructor(context: OutlierLogContext) {
    this.#context = context;
  }

  /** `enforced`: it is left out from now on; otherwise it was only found wanting. */
  ejected(host: Host, detector: AnyDetector, comparison: Comparison, enforced: boolean): void {
    this.#tell(host, host.outlier.returnedAt, {
      type: TYPES[detector],
      action: Action.EJECT,
      enforced,
      event: evidence(detector, comparison),
    });
  }

  returned(host: Host): void {
    this.#tell(host, host.outlier.ejectedAt, { action: Action.UNEJECT });
  }

  /** `before`: when the endpoint last went the other way; null: never. */
  #tell(host: Host, before: number | null, fields: Event): void {
    const { cluster, now, epoch, writer } = this.#context;
    const event = create(OutlierDetectionEventSchema, {
      ...fields,
      timestamp: timestampFromMs(epoch()),
      ...(before !== null && { secsSinceLastAction: BigInt(Math.floor((now() - before) / 1000)) }),
      clusterName: cluster,
      upstreamUrl: host.name,
      numEjections: host.outlier.ejections,
    });
    const options = { useProtoFieldName: true, alwaysEmitImplicit: true };
    const text = toJsonString(OutlierDetectionEventSchema, event, options);
    writer.write(`${Buffer.from(text).toString('latin1')}\n`);
  }
}

function evidence(detector: AnyDetector, comparison: Comparison): NonNullable<Event['event']> {
  if (comparison === null) return { case: 'ejectConsecutiveEvent', value: {} };
  const hostSuccessRate = Math.trunc(comparison.rate);
  if (detector === 'failure_percentage' || detector === 'local_origin_failure_percentage')
    return { case: 'ejectFailurePercentageEvent', value: { hostSuccessRate } };
  const value = {
    hostSuccessRate,
    clusterAverageSuccessRate: Math.trunc(comparison.mean),
    clusterSuccessRateEjectionThreshold: Math.trunc(comparison.threshold),
  };
  return { case: 'ejectSuccessRateEvent', value };
}
