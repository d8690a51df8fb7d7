// Parts of OTLP messages that spans, logs and metrics share.
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Attribute } from './config.ts';

export function attributes(writer: BinaryWriter, field: number, all: readonly Attribute[]): void {
  for (const [key, value] of all) {
    message(writer, field, (pair) => {
      text(pair, 1, key);
      message(pair, 2, (any) => text(any, 1, value));
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
