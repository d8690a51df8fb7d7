// What a route asks of the connection and of what filters left behind: TLS, dynamic metadata, filter state.
import type { RouteMatch_TlsContextMatchOptions } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { FilterStateMatcher } from '../../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileString } from './string-matcher.ts';

/** null: nothing is known but the request's head. */
export type ExchangeTest = (exchange: Exchange | null) => boolean;

/** A certificate that was presented and did not validate ended the handshake: the two are one here. */
export function compileTlsContext({ presented, validated }: RouteMatch_TlsContextMatchOptions): ExchangeTest {
  return (exchange) => {
    const shown = (exchange?.downstream.tls?.certificate ?? null) !== null;
    return (presented ?? shown) === shown && (validated ?? shown) === shown;
  };
}

/** An object that is not there matches nothing. */
export function compileFilterState({ key, matcher }: FilterStateMatcher, path: string): ExchangeTest {
  if (key === '') throw new ConfigError(at(path, 'key'), 'is empty');
  if (matcher.case !== 'stringMatch') throw new ConfigError(path, 'has no string_match');
  const test = compileString(matcher.value, at(path, 'string_match'));
  return (exchange) => {
    const value = exchange?.filterState?.get(key);
    return value !== undefined && test(value);
  };
}
