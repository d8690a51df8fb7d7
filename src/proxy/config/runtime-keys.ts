// Values that Envoy's runtime may override by key. What is compiled of them is asked with the runtime at hand: a value without a key is a constant.
import type { RuntimeFeatureFlag, RuntimeFractionalPercent } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { share } from './values.ts';

/** What the runtime says of a key; undefined where it has none, or a value of another kind. */
export type RuntimeLookup = {
  number(key: string): number | undefined;
  /** A whole number, 0 or more; what is after the point is left out. */
  integer(key: string): number | undefined;
  flag(key: string): boolean | undefined;
  /** In [0, 1]: of a fraction, or of an integer of 100. */
  share(key: string): number | undefined;
  /** `changed` is called after every change. */
  watch(changed: () => void): void;
};

export type Keyed<Value> = (runtime: RuntimeLookup) => Value;

export const noRuntime: RuntimeLookup = {
  number: () => undefined,
  integer: () => undefined,
  flag: () => undefined,
  share: () => undefined,
  watch: () => undefined,
};

/** A share in [0, 1]; absent is `fallback`. */
export function keyedShare(fraction: RuntimeFractionalPercent | undefined, fallback: number): Keyed<number> {
  return keyed('share', fraction?.runtimeKey, share(fraction?.defaultValue, fallback));
}

export function keyedFlag(flag: RuntimeFeatureFlag | undefined, fallback: boolean): Keyed<boolean> {
  return keyed('flag', flag?.runtimeKey, flag?.defaultValue ?? fallback);
}

/** '' is no key. */
export function keyed<Value extends number | boolean>(
  kind: Value extends boolean ? 'flag' : 'number' | 'integer' | 'share',
  key: string | undefined,
  fallback: Value,
): Keyed<Value> {
  if (key === undefined || key === '') return () => fallback;
  return (runtime) => (runtime[kind](key) as Value | undefined) ?? fallback;
}
