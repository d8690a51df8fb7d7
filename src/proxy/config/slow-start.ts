// SlowStartConfig: an endpoint that comes gets its full share of requests little by little.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { SlowStartConfig } from './cluster-types.ts';
import { at, ConfigError } from './config-error.ts';
import { positiveMillis } from './values.ts';

const DEFAULTS = { aggression: 1, minWeightPercent: 10 };

/** As a cluster's own field and the typed policies have it. */
export type SlowStartMessage = {
  readonly slowStartWindow?: Duration | undefined;
  readonly aggression?: RuntimeDoubleMessage | undefined;
  readonly minWeightPercent?: { readonly value: number } | undefined;
};

export function decodeSlowStart(message: SlowStartMessage | undefined, path: string): SlowStartConfig | null {
  if (message?.slowStartWindow === undefined) return null;
  const { value, key } = tunable(message.aggression, DEFAULTS.aggression, at(path, 'aggression'));
  return {
    window: positiveMillis(message.slowStartWindow, 0, at(path, 'slow_start_window')),
    aggression: sensibleAggression(value),
    aggressionKey: key,
    minWeightPercent: percentOf(message.minWeightPercent, DEFAULTS.minWeightPercent, at(path, 'min_weight_percent')),
  };
}

/** Envoy takes what makes no sense for 1. */
export function sensibleAggression(value: number): number {
  return value > 0 ? value : 1;
}

export type RuntimeDoubleMessage = { readonly defaultValue: number; readonly runtimeKey: string };

/** A number that the runtime may say otherwise by its key; '' is none. */
export function tunable(
  message: RuntimeDoubleMessage | undefined,
  fallback: number,
  path: string,
): { readonly value: number; readonly key: string } {
  if (message === undefined) return { value: fallback, key: '' };
  if (message.runtimeKey === '') throw new ConfigError(at(path, 'runtime_key'), 'is empty');
  return { value: message.defaultValue, key: message.runtimeKey };
}

/** Of an `envoy.type.v3.Percent`: 0 to 100. */
export function percentOf(percent: { readonly value: number } | undefined, fallback: number, path: string): number {
  const value = percent?.value ?? fallback;
  if (!(value >= 0 && value <= 100)) throw new ConfigError(path, 'is no percentage');
  return value;
}
