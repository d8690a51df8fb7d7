// What may be asked of an input beside the match of a text, found by the type of its configuration.
import type { Any } from '@bufbuild/protobuf/wkt';
import { addressBytes, compileCidr } from '../../lib/cidr.ts';
import { type Hash64, remainder, xxHash64 } from '../../lib/hash.ts';
import { ConsistentHashingSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing_pb.ts';
import { IpSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts';
import { MetadataSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.ts';
import { RuntimeFractionSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.ts';
import { FractionalPercent_DenominatorType } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { CelMatcherSchema } from '../../xds/gen/xds/type/matcher/v3/cel_pb.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { keyedShare, type RuntimeLookup } from '../config/runtime-keys.ts';
import { denominator } from '../config/values.ts';
import { compileCelExpression } from '../expression/expression.ts';
import { compileValue } from '../route/match/metadata-matcher.ts';
import type { Input } from './input.ts';

type Test<Subject> = (subject: Subject) => boolean;

/** `runtime`: of a subject; undefined where there is none to ask. */
export function compileCustom<Subject>(
  asked: Input<Subject>,
  config: Any,
  runtime: ((subject: Subject) => RuntimeLookup) | undefined,
  path: string,
): Test<Subject> {
  switch (typeNameOf(config)) {
    case MetadataSchema.typeName:
      return compileMetadata(asked, config, path);
    case CelMatcherSchema.typeName: {
      if (asked.kind !== 'attributes') throw new ConfigError(path, 'is for attributes only');
      const { matches } = compileCelExpression(
        unpack(config, CelMatcherSchema, path).exprMatch,
        at(path, 'expr_match'),
      );
      return (subject) => {
        const seen = asked.read(subject);
        return seen !== undefined && matches(seen);
      };
    }
    case RuntimeFractionSchema.typeName:
      return compileFraction(asked, config, runtime, path);
    case ConsistentHashingSchema.typeName: {
      const { threshold, modulo, seed } = unpack(config, ConsistentHashingSchema, path);
      if (modulo === 0) throw new ConfigError(at(path, 'modulo'), 'must be more than 0');
      if (threshold > modulo) throw new ConfigError(at(path, 'threshold'), `is more than modulo, ${modulo}`);
      const start = halves(seed);
      return onText(asked, (text) => wholeRemainder(xxHash64(text, start), modulo) >= threshold, path);
    }
    default:
      return compileRanges(asked, config, path);
  }
}

export function onText<Subject>(
  asked: Input<Subject>,
  test: (text: string, subject: Subject) => boolean,
  path: string,
): Test<Subject> {
  if (asked.kind !== 'text') throw new ConfigError(at(path, 'input'), 'is no text');
  return (subject) => {
    const text = asked.read(subject);
    return text !== undefined && test(text, subject);
  };
}

function compileMetadata<Subject>(asked: Input<Subject>, config: Any, path: string): Test<Subject> {
  if (asked.kind !== 'value') throw new ConfigError(path, 'is for metadata only');
  const { value, invert } = unpack(config, MetadataSchema, path);
  const test = compileValue(value, at(path, 'value'));
  return (subject) => test(asked.read(subject)) !== invert;
}

/** The same text falls on the same side. */
function compileFraction<Subject>(
  asked: Input<Subject>,
  config: Any,
  runtime: ((subject: Subject) => RuntimeLookup) | undefined,
  path: string,
): Test<Subject> {
  const { runtimeFraction, seed } = unpack(config, RuntimeFractionSchema, path);
  const here = at(path, 'runtime_fraction');
  if (runtimeFraction?.defaultValue === undefined) throw new ConfigError(at(here, 'default_value'), 'is required');
  if (runtime === undefined) throw new ConfigError(here, 'is not supported here');
  const share = keyedShare(runtimeFraction, 0);
  const of = denominator(runtimeFraction.defaultValue.denominator ?? FractionalPercent_DenominatorType.HUNDRED);
  const start = halves(seed);
  return onText(asked, (text, subject) => remainder(xxHash64(text, start), of) < share(runtime(subject)) * of, path);
}

function compileRanges<Subject>(asked: Input<Subject>, config: Any, path: string): Test<Subject> {
  const { cidrRanges, statPrefix } = unpack(config, IpSchema, path);
  if (cidrRanges.length === 0) throw new ConfigError(at(path, 'cidr_ranges'), 'is empty');
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const ranges = mapAt(cidrRanges, at(path, 'cidr_ranges'), ({ addressPrefix, prefixLen }, here) => {
    const test = compileCidr(addressPrefix, prefixLen ?? 0);
    if (test === null) throw new ConfigError(here, `${addressPrefix}/${prefixLen ?? 0} is no range of addresses`);
    return test;
  });
  return onText(asked, (text) => addressBytes(text) !== null && ranges.some((within) => within(text)), path);
}

/** For any modulus of 32 bits. */
function wholeRemainder(hash: Hash64, modulus: number): number {
  if (modulus < 2 ** 26) return remainder(hash, modulus);
  return Number(((BigInt(hash.high) << 32n) | BigInt(hash.low)) % BigInt(modulus));
}

function halves(seed: bigint): Hash64 {
  return { high: Number(seed >> 32n), low: Number(seed & 0xffff_ffffn) };
}
