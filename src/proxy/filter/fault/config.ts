// What a fault filter injects: fixed, or as a header of the request says within what is allowed.
import type { HTTPFault } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
} from '../../../xds/gen/envoy/type/v3/percent_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { keyed, type RuntimeLookup } from '../../config/runtime-keys.ts';
import { positiveMillis, share } from '../../config/values.ts';
import type { HeaderMap } from '../../http/headers.ts';

export type Injection<Value> = {
  /** Of all requests, in [0, 1]. */
  share(headers: HeaderMap, runtime: RuntimeLookup): number;
  /** null: the request asks for none. */
  value(headers: HeaderMap, runtime: RuntimeLookup): Value | null;
};

export type Abort = { readonly status: number; readonly grpcStatus: number | null };

/** Milliseconds. */
export function compileDelay({ delay, ...keys }: HTTPFault, path: string): Injection<number> | null {
  if (delay === undefined) return null;
  const { faultDelaySecifier: how } = delay;
  const shareKey = keys.delayPercentRuntime || 'fault.http.delay.fixed_delay_percent';
  switch (how.case) {
    case 'fixedDelay': {
      const duration = positiveMillis(how.value, 0, at(path, 'fixed_delay'));
      const value = keyed('integer', keys.delayDurationRuntime || 'fault.http.delay.fixed_duration_ms', duration);
      return { share: fixedShare(delay.percentage, shareKey), value: (_, runtime) => value(runtime) || null };
    }
    case 'headerDelay':
      return {
        share: headerShare(delay.percentage, 'x-envoy-fault-delay-request-percentage', shareKey),
        value: (headers) => number(headers, 'x-envoy-fault-delay-request'),
      };
    default:
      throw new ConfigError(path, 'has no fixed_delay');
  }
}

export function compileAbort({ abort, ...keys }: HTTPFault, path: string): Injection<Abort> | null {
  if (abort === undefined) return null;
  const { errorType: how } = abort;
  const shareKey = keys.abortPercentRuntime || 'fault.http.abort.abort_percent';
  switch (how.case) {
    case 'httpStatus': {
      if (how.value < 200 || how.value > 599)
        throw new ConfigError(at(path, 'http_status'), `${how.value} is no status`);
      const status = keyed('integer', keys.abortHttpStatusRuntime || 'fault.http.abort.http_status', how.value);
      return {
        share: fixedShare(abort.percentage, shareKey),
        value: (_, runtime) => ({ status: status(runtime), grpcStatus: null }),
      };
    }
    case 'grpcStatus': {
      const code = keyed('integer', keys.abortGrpcStatusRuntime || 'fault.http.abort.grpc_status', how.value);
      return {
        share: fixedShare(abort.percentage, shareKey),
        value: (_, runtime) => ({ status: 200, grpcStatus: code(runtime) }),
      };
    }
    case 'headerAbort':
      return {
        share: headerShare(abort.percentage, 'x-envoy-fault-abort-request-percentage', shareKey),
        value: abortInHeaders,
      };
    default:
      throw new ConfigError(path, 'has no http_status');
  }
}

/** Bytes per second. */
export function compileRateLimit(fault: HTTPFault, path: string): Injection<number> | null {
  const { responseRateLimit: limit } = fault;
  if (limit === undefined) return null;
  const { limitType: how } = limit;
  const shareKey = fault.responseRateLimitPercentRuntime || 'fault.http.rate_limit.response_percent';
  switch (how.case) {
    case 'fixedLimit': {
      const rate = Number(how.value.limitKbps) * 1024;
      if (rate === 0) throw new ConfigError(at(path, 'fixed_limit.limit_kbps'), 'must be more than 0');
      return { share: fixedShare(limit.percentage, shareKey), value: () => rate };
    }
    case 'headerLimit':
      return {
        share: headerShare(limit.percentage, 'x-envoy-fault-throughput-response-percentage', shareKey),
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

function fixedShare(percentage: FractionalPercent | undefined, key: string): Injection<never>['share'] {
  const fixed = keyed('share', key, share(percentage, 0));
  return (_headers, runtime) => fixed(runtime);
}

/** The header can lower the share, never raise it; the runtime has the last word. */
function headerShare(percentage: FractionalPercent | undefined, name: string, key: string): Injection<never>['share'] {
  const most = share(percentage, 0);
  const denominator = denominatorOf(percentage);
  return (headers, runtime) => {
    const asked = number(headers, name);
    const said = runtime.share(key);
    if (said !== undefined) return said;
    return asked === null ? most : Math.min(most, asked / denominator);
  };
}

function denominatorOf(percentage: FractionalPercent | undefined): number {
  if (percentage?.denominator === FractionalPercent_DenominatorType.MILLION) return 1_000_000;
  return percentage?.denominator === FractionalPercent_DenominatorType.TEN_THOUSAND ? 10_000 : 100;
}
