// Decorator of a route → what its requests are called in spans.
import type { Decorator as DecoratorMessage } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from './config-error.ts';

/** `propagate`: the proxy on the other side is told. */
export type Decorator = { readonly operation: string; readonly propagate: boolean };

export function decodeDecorator({ operation, propagate = true }: DecoratorMessage, path: string): Decorator {
  if (operation === '') throw new ConfigError(at(path, 'operation'), 'is empty');
  return { operation, propagate };
}
