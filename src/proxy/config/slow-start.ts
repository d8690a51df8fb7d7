// SlowStartConfig: an endpoint that comes gets its full share of requests little by little.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { SlowStartConfig } from './cluster-types.ts';
import { at, ConfigError } from './config-error.ts';
import { positiveMillis } from './values.ts';

const DEFAULTS = { aggression: 1, minWeightPercent: 10 };

/** As a cluster's own field and the typed policies have it. */
export type SlowStartMessage = {
  readonly slowStartWindow?: Duration | undefined;
  readonly aggression?: { readonly defaultValue: number } | undefined;
  readonly minWeightPercent?: { readonly value: number } | undefined;
};

export function decodeSlowStart(message: SlowStartMessage | undefined, path: string): SlowStartConfig | null {
  if (message?.slowStartWindow === undefined) return null;
  const aggression = message.aggression?.defaultValue ?? DEFAULTS.aggression;
  return {
    window: positiveMillis(message.slowStartWindow, 0, at(path, 'slow_start_window')),
    // Envoy takes what makes no sense for 1.
    aggression: aggression > 0 ? aggression : 1,
    minWeightPercent: percentOf(message.minWeightPercent, DEFAULTS.minWeightPercent, at(path, 'min_weight_percent')),
  };
}

/** Of an `envoy.type.v3.Percent`: 0 to 100. */
export function percentOf(percent: { readonly value: number } | undefined, fallback: number, path: string): number {
  const value = percent?.value ?? fallback;
  if (!(value >= 0 && value <= 100)) throw new ConfigError(path, 'is no percentage');
  return value;
}
