// Values of expressions as texts, as Envoy's logs show them, and as JSON.

import type { CelValue } from '@bufbuild/cel';
import { toJson } from '@bufbuild/protobuf';
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { cel } from './library.ts';
import { messageOf } from './messages.ts';

export function textOfValue(value: CelValue): string {
  const { isCelMap, isCelList, isCelUint, isCelType } = cel();
  if (typeof value === 'number') return doubleText(value);
  if (value === null) return 'NULL';
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (isCelUint(value)) return String(value.value);
  if (isCelMap(value)) return messageOf(value)?.text() ?? 'CelMap value';
  if (isCelList(value)) return 'CelList value';
  if (isCelType(value)) return 'CelType value';
  return momentText(value.message);
}

/** Undefined: it has no form in JSON. Whole numbers beyond what JSON can tell exactly are rounded. */
export function jsonOfValue(value: CelValue): unknown {
  const { isCelMap, isCelList, isCelUint, isCelType } = cel();
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (isCelUint(value)) return Number(value.value);
  if (isCelList(value)) return [...value].map((item) => jsonOfValue(item) ?? null);
  if (isCelType(value)) return undefined;
  if (isCelMap(value)) {
    const whole = messageOf(value);
    return whole === null ? jsonOfMap(value) : whole.json();
  }
  const { message } = value;
  if (isDuration(message)) return toJson(DurationSchema, message);
  return isTimestamp(message) ? toJson(TimestampSchema, message) : undefined;
}

/** In alphabetical order, as Envoy prints a Struct. */
function jsonOfMap(map: Iterable<[unknown, CelValue]> & { readonly size: number }): object {
  const told = [...map].map(([key, value]) => [String(key), jsonOfValue(value) ?? null] as const);
  return Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Six digits at most, as printf's `%g`. */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [mantissa = '', exponent = '0'] = value.toExponential(5).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(Number(value.toPrecision(6)));
  const sign = power < 0 ? '-' : '+';
  return `${Number(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
}

function momentText(message: { readonly $typeName: string }): string {
  if (isDuration(message)) return durationText(message.seconds * 1_000_000_000n + BigInt(message.nanos));
  return isTimestamp(message) ? timestampText(message) : `${message.$typeName} value`;
}

function isDuration(message: { readonly $typeName: string }): message is Duration {
  return message.$typeName === DurationSchema.typeName;
}

function isTimestamp(message: { readonly $typeName: string }): message is Timestamp {
  return message.$typeName === TimestampSchema.typeName;
}

const UNITS = [
  ['ms', 1_000_000n],
  ['us', 1000n],
  ['ns', 1n],
] as const;

/** `1h2m3.5s`; below a second one unit: `1.5ms`. */
function durationText(nanos: bigint): string {
  if (nanos === 0n) return '0';
  if (nanos < 0n) return `-${durationText(-nanos)}`;
  const unit = UNITS.find(([, size]) => nanos >= size);
  if (nanos < 1_000_000_000n) return `${decimal(nanos, unit![1])}${unit![0]}`;
  const minutes = nanos / 60_000_000_000n;
  const rest = nanos % 60_000_000_000n;
  const parts = [
    [minutes / 60n, 'h'],
    [minutes % 60n, 'm'],
  ] as const;
  const whole = parts.map(([count, name]) => (count === 0n ? '' : `${count}${name}`)).join('');
  return rest === 0n ? whole : `${whole}${decimal(rest, 1_000_000_000n)}s`;
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = String(value % unit)
    .padStart(String(unit).length - 1, '0')
    .replace(/0+$/, '');
  return `${value / unit}${fraction === '' || unit === 1n ? '' : `.${fraction}`}`;
}

/** `2020-01-01T00:00:00.1+00:00` */
function timestampText({ seconds, nanos }: Timestamp): string {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = String(nanos).padStart(9, '0').replace(/0+$/, '');
  return `${whole}${fraction === '' ? '' : `.${fraction}`}+00:00`;
}
