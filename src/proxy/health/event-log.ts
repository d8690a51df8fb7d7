// What happens to endpoints under active checks, told line by line as JSON: envoy.data.core.v3.HealthCheckEvent, in Envoy's form.
import { create, type JsonObject, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  HealthCheckFailureType as FailureType,
  type HealthCheckEvent,
  HealthCheckEventSchema,
  HealthCheckerType,
} from '../../xds/gen/envoy/data/core/v3/health_check_event_pb.ts';
import type { Host } from '../cluster/host.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import { localityFields } from '../config/locality.ts';
import type { ProbeResult } from './probe.ts';

/** Where lines go; one character is one byte. */
export type LineWriter = { write(line: string): void };

/** `status`: of HTTP, 0 where there is none. */
export type Failure = { readonly type: keyof typeof FailureType; readonly status: number };

/** What an answer to a request told. */
export const PASSIVE: Failure = { type: 'PASSIVE', status: 0 };

export type EventLogContext = {
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly epoch: () => number;
  readonly writers: readonly LineWriter[];
};

export function failureOf(result: Exclude<ProbeResult, { kind: 'healthy' }>): Failure {
  switch (result.kind) {
    case 'network':
      return { type: 'NETWORK', status: 0 };
    case 'timeout':
      return { type: 'NETWORK_TIMEOUT', status: 0 };
    default:
      return { type: 'ACTIVE', status: result.status };
  }
}

const CHECKERS = { http: HealthCheckerType.HTTP, tcp: HealthCheckerType.TCP, grpc: HealthCheckerType.GRPC };

/** Of one check; every result of it says what it changed. */
export class EventLog {
  readonly #check: HealthCheckConfig;
  readonly #context: EventLogContext;

  constructor(check: HealthCheckConfig, context: EventLogContext) {
    this.#check = check;
    this.#context = context;
  }

  /** `changed`: the endpoint is left out from now on. `first`: nothing was known of it before. */
  failed(host: Host, { type, status }: Failure, changed: boolean, first: boolean): void {
    const failure = { failureType: FailureType[type], httpStatusCode: status };
    if (changed) this.#tell(host, { case: 'ejectUnhealthyEvent', value: failure });
    if (first || this.#check.events?.failures === true)
      this.#tell(host, { case: 'healthCheckFailureEvent', value: { ...failure, firstCheck: first } });
  }

  /** `changed`: it is back, or there for the first time. */
  succeeded(host: Host, changed: boolean, first: boolean): void {
    if (changed) this.#tell(host, { case: 'addHealthyEvent', value: { firstCheck: first } });
    else if (this.#check.events?.successes === true)
      this.#tell(host, { case: 'successfulHealthCheckEvent', value: {} });
  }

  degraded(host: Host, degraded: boolean): void {
    this.#tell(host, { case: degraded ? 'degradedHealthyHost' : 'noLongerDegradedHost', value: {} });
  }

  #tell(host: Host, event: NonNullable<MessageInitShape<typeof HealthCheckEventSchema>['event']>): void {
    const { cluster, epoch, writers } = this.#context;
    const message: HealthCheckEvent = create(HealthCheckEventSchema, {
      healthCheckerType: CHECKERS[this.#check.probe.kind],
      host: { address: addressOf(host) },
      clusterName: cluster,
      event,
      timestamp: timestampFromMs(epoch()),
      ...(Object.keys(host.metadata).length > 0 && {
        metadata: { filterMetadata: host.metadata as Record<string, JsonObject> },
      }),
      locality: localityFields(host.locality),
    });
    const text = toJsonString(HealthCheckEventSchema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
    const line = `${Buffer.from(text).toString('latin1')}\n`;
    for (const writer of writers) writer.write(line);
  }
}

type AddressInit = NonNullable<NonNullable<MessageInitShape<typeof HealthCheckEventSchema>['host']>['address']>;

function addressOf({ address, port }: Host): AddressInit {
  if (address.startsWith('/')) return { case: 'pipe', value: { path: address } };
  return { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } };
}
