// A collector of OTLP over gRPC, and its messages read without their schemas.
import type { DescMethod } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { startGrpcServer } from '../../support/grpc-server.ts';

export type Collector = {
  readonly port: number;
  /** Requests by the peer they came from. */
  readonly received: ReadonlyMap<string, Buffer[]>;
  /** In the order they came. */
  readonly requests: readonly Buffer[];
  stop(): void;
};

/** `service`: as in `opentelemetry.proto.collector.logs.v1.LogsService`. */
export async function startCollector(service: string): Promise<Collector> {
  const requests: Buffer[] = [];
  const received = new Map<string, Buffer[]>();
  const handler: handleUnaryCall<Buffer, Buffer> = (call, done) => {
    const from = call.getPeer();
    requests.push(call.request);
    received.set(from, [...(received.get(from) ?? []), call.request]);
    done(null, Buffer.alloc(0));
  };
  const method = { methodKind: 'unary', name: 'Export', parent: { typeName: service } } as unknown as DescMethod;
  const server = await startGrpcServer([{ method, handler }]);
  return { port: server.port, received, requests, stop: () => server.stop() };
}

/** Fields of a message by number, in the forms they have on the wire. */
export function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, (Uint8Array | bigint)[]> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === WireType.LengthDelimited
        ? reader.bytes()
        : type === WireType.Bit64
          ? BigInt(reader.fixed64())
          : BigInt(reader.uint64());
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

export const messages = (bytes: Uint8Array, number: number) => (fieldsOf(bytes).get(number) ?? []) as Uint8Array[];
export const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
