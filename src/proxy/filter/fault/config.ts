// What a fault filter injects: fixed, or as a header of the request says within what is allowed.
import type { FaultDelay, FaultRateLimit } from '../../../xds/gen/envoy/extensions/filters/common/fault/v3/fault_pb.ts';
import type { FaultAbort } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
} from '../../../xds/gen/envoy/type/v3/percent_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { positiveMillis, share } from '../../config/values.ts';
import type { HeaderMap } from '../../http/headers.ts';

export type Injection<Value> = {
  /** Of all requests, in [0, 1]. */
  share(headers: HeaderMap): number;
  /** null: the request asks for none. */
  value(headers: HeaderMap): Value | null;
};

export type Abort = { readonly status: number; readonly grpcStatus: number | null };

/** Milliseconds. */
export function compileDelay(delay: FaultDelay | undefined, path: string): Injection<number> | null {
  if (delay === undefined) return null;
  const { faultDelaySecifier: how } = delay;
  switch (how.case) {
    case 'fixedDelay': {
      const duration = positiveMillis(how.value, 0, at(path, 'fixed_delay'));
      return { share: fixedShare(delay.percentage), value: () => duration };
    }
    case 'headerDelay':
      return {
        share: headerShare(delay.percentage, 'x-envoy-fault-delay-request-percentage'),
        value: (headers) => number(headers, 'x-envoy-fault-delay-request'),
      };
    default:
      throw new ConfigError(path, 'has no fixed_delay');
  }
}

export function compileAbort(abort: FaultAbort | undefined, path: string): Injection<Abort> | null {
  if (abort === undefined) return null;
  const { errorType: how } = abort;
  switch (how.case) {
    case 'httpStatus': {
      if (how.value < 200 || how.value > 599)
        throw new ConfigError(at(path, 'http_status'), `${how.value} is no status`);
      const value = { status: how.value, grpcStatus: null };
      return { share: fixedShare(abort.percentage), value: () => value };
    }
    case 'grpcStatus': {
      const value = { status: 200, grpcStatus: how.value };
      return { share: fixedShare(abort.percentage), value: () => value };
    }
    case 'headerAbort':
      return { share: headerShare(abort.percentage, 'x-envoy-fault-abort-request-percentage'), value: abortInHeaders };
    default:
      throw new ConfigError(path, 'has no http_status');
  }
}

/** Bytes per second. */
export function compileRateLimit(limit: FaultRateLimit | undefined, path: string): Injection<number> | null {
  if (limit === undefined) return null;
  const { limitType: how } = limit;
  switch (how.case) {
    case 'fixedLimit': {
      const rate = Number(how.value.limitKbps) * 1024;
      if (rate === 0) throw new ConfigError(at(path, 'fixed_limit.limit_kbps'), 'must be more than 0');
      return { share: fixedShare(limit.percentage), value: () => rate };
    }
    case 'headerLimit':
      return {
        share: headerShare(limit.percentage, 'x-envoy-fault-throughput-response-percentage'),
        value: (headers) => (number(headers, 'x-envoy-fault-throughput-response') ?? 0) * 1024 || null,
      };
    default:
      throw new ConfigError(path, 'has no fixed_limit');
  }
}

function abortInHeaders(headers: HeaderMap): Abort | null {
  const status = number(headers, 'x-envoy-fault-abort-request');
  if (status !== null) return status >= 200 && status < 600 ? { status, grpcStatus: null } : null;
  const grpcStatus = number(headers, 'x-envoy-fault-abort-grpc-request');
  return grpcStatus === null ? null : { status: 200, grpcStatus };
}

function number(headers: HeaderMap, name: string): number | null {
  const text = headers.get(name);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function fixedShare(percentage: FractionalPercent | undefined): () => number {
  const fixed = share(percentage, 0);
  return () => fixed;
}

/** The header can lower the share, never raise it. */
function headerShare(percentage: FractionalPercent | undefined, name: string): (headers: HeaderMap) => number {
  const most = share(percentage, 0);
  const denominator = denominatorOf(percentage);
  return (headers) => {
    const asked = number(headers, name);
    return asked === null ? most : Math.min(most, asked / denominator);
  };
}

function denominatorOf(percentage: FractionalPercent | undefined): number {
  if (percentage?.denominator === FractionalPercent_DenominatorType.MILLION) return 1_000_000;
  return percentage?.denominator === FractionalPercent_DenominatorType.TEN_THOUSAND ? 10_000 : 100;
}
