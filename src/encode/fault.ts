// Injected faults: the filter is in every outbound chain and does nothing until a route configures it.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Fault } from '../model/route.ts';
import { HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { any, duration, fraction } from './values.ts';

export const faultFilterName = 'envoy.filters.http.fault';

export const noFault = (): Any => any(HTTPFaultSchema, {});

export const faultConfig = ({ delay, abort }: Fault): Any =>
  any(HTTPFaultSchema, {
    ...(delay === null
      ? {}
      : {
          delay: {
            faultDelaySecifier: { case: 'fixedDelay', value: duration(delay.fixed) },
            percentage: fraction(delay.share),
          },
        }),
    ...(abort === null
      ? {}
      : { abort: { errorType: { case: 'httpStatus', value: abort.status }, percentage: fraction(abort.share) } }),
  });
