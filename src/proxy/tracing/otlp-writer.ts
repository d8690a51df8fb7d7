// Parts of OTLP messages that spans, logs and metrics share.
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** AnyValue: text, lists, and lists of pairs. */
export type OtlpValue = string | readonly OtlpValue[] | { readonly pairs: OtlpPairs };

export type OtlpPairs = readonly (readonly [key: string, value: OtlpValue])[];

export function attributes(writer: BinaryWriter, field: number, all: OtlpPairs): void {
  for (const [key, value] of all) {
    message(writer, field, (pair) => {
      text(pair, 1, key);
      message(pair, 2, (any) => anyValue(any, value));
    });
  }
}

export function anyValue(writer: BinaryWriter, value: OtlpValue): void {
  if (typeof value === 'string') text(writer, 1, value);
  else if ('pairs' in value) message(writer, 6, (list) => attributes(list, 1, value.pairs));
  else {
    message(writer, 5, (list) => {
      for (const member of value) message(list, 1, (any) => anyValue(any, member));
    });
  }
}

export function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

/** Values of headers hold one byte per character; what is no UTF-8 becomes replacement characters, as protobuf wants text. */
export function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(Buffer.from(value, 'latin1').toString('utf8'));
}

export function bytes(writer: BinaryWriter, field: number, hex: string): void {
  writer.tag(field, WireType.LengthDelimited).bytes(Buffer.from(hex, 'hex'));
}

export function nanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((milliseconds - whole) * 1_000_000));
}
