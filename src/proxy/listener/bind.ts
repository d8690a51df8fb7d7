// The sockets of a listener, as its configuration wants them bound.
import type { TimedOption } from '../config/socket-options.ts';
import type { ListenerConfig } from '../config/types.ts';
import { bindSocket, type SocketOption } from '../system/sockets.ts';
import type { Place } from './traits.ts';

export function placesOf({ address, port, additionalAddresses }: ListenerConfig): readonly Place[] {
  return [{ address, port }, ...additionalAddresses];
}

/** Whether one socket serves all threads: a Unix socket cannot be bound twice. */
export function isOneSocket({ oneSocket }: ListenerConfig, { address }: Place): boolean {
  return oneSocket || address.startsWith('/');
}

export function optionsFor(
  { socketOptions }: ListenerConfig,
  { address }: Place,
  ...whens: readonly TimedOption['when'][]
): readonly SocketOption[] {
  const family = address.includes(':') ? 6 : 4;
  return socketOptions
    .filter((one) => whens.includes(one.when) && (one.family === 'any' || one.family === family))
    .map(({ option }) => option);
}

/** A descriptor for `listen`. @throws as `bind` would, and where an option is refused. */
export function bindPlace(config: ListenerConfig, place: Place, reusePort: boolean): number {
  return bindSocket(place, optionsFor(config, place, 'before-bind', 'bound'), {
    reusePort,
    ipv6Only: !config.dualStack,
  });
}
