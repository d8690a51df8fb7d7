// Values that occur in many messages: durations, fractions, metadata, data sources.
import { readFileSync } from 'node:fs';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { DataSource, Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type FractionalPercent, FractionalPercent_DenominatorType } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { at, ConfigError } from './config-error.ts';

/** Files named in resources (certificates, bodies) larger than this are refused. */
const MAXIMUM_FILE = 1024 * 1024;

/** Envoy's own limit on how large heads may be configured to be. */
export const LARGEST_HEAD_KIB = 8192;

/** Milliseconds; `fallback` when absent. */
export function millis(duration: Duration | undefined, fallback: number, path: string): number {
  if (duration === undefined) return fallback;
  const value = durationMs(duration);
  if (!(value >= 0)) throw new ConfigError(path, 'is negative');
  return value;
}

/** As `millis`, but zero is refused too. */
export function positiveMillis(duration: Duration | undefined, fallback: number, path: string): number {
  const value = millis(duration, fallback, path);
  if (value === 0) throw new ConfigError(path, 'must be more than 0');
  return value;
}

/** A share in [0, 1]; absent is `fallback`. */
export function share(percent: FractionalPercent | undefined, fallback: number): number {
  if (percent === undefined) return fallback;
  return Math.min(1, percent.numerator / denominator(percent.denominator));
}

export function plainMetadata(metadata: Metadata | undefined): Readonly<Record<string, unknown>> {
  return metadata?.filterMetadata ?? {};
}

/** Text of a file, an inline string or bytes. */
export function readSource(source: DataSource | undefined, path: string): string {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case 'inlineString':
      return specifier.value;
    case 'inlineBytes':
      return Buffer.from(specifier.value).toString('utf8');
    case 'filename':
      return readFile(specifier.value, at(path, 'filename'));
    case 'environmentVariable':
      return readVariable(specifier.value, at(path, 'environment_variable'));
    default:
      throw new ConfigError(path, 'is empty');
  }
}

/** Bytes that are no text, as DER. */
export function readBytes(source: DataSource, path: string): Buffer {
  const { specifier } = source;
  if (specifier.case === 'inlineBytes') return Buffer.from(specifier.value);
  if (specifier.case === 'filename')
    return Buffer.from(readFile(specifier.value, at(path, 'filename'), 'latin1'), 'latin1');
  throw new ConfigError(path, 'must be a file or bytes');
}

/** How many parts make the whole. */
export function denominator(kind: FractionalPercent_DenominatorType): number {
  if (kind === FractionalPercent_DenominatorType.MILLION) return 1_000_000;
  return kind === FractionalPercent_DenominatorType.TEN_THOUSAND ? 10_000 : 100;
}

function readFile(name: string, path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  let text: string;
  try {
    text = readFileSync(name, encoding);
  } catch (cause) {
    throw new ConfigError(path, `cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
  if (text.length > MAXIMUM_FILE) throw new ConfigError(path, `is larger than ${MAXIMUM_FILE} bytes`);
  return text;
}

function readVariable(name: string, path: string): string {
  const value = process.env[name];
  if (value === undefined) throw new ConfigError(path, `${name} is not set`);
  return value;
}
