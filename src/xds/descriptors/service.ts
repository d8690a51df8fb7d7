// A gRPC service as protobuf-es describes it; its methods are read when they are first asked for.
import { type DescFile, type DescMethod, type DescService, fromBinary } from '@bufbuild/protobuf';
import {
  MethodOptions_IdempotencyLevel,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type { TypeEntry } from './descriptor-set.ts';
import type { Types } from './types.ts';
import { eachField, type Span, textAt } from './wire.ts';

/** google/protobuf/descriptor.proto: ServiceDescriptorProto.method, and MethodDescriptorProto. */
const METHOD = 2;
const NAME = 1;
const INPUT = 2;
const OUTPUT = 3;
const CLIENT_STREAMING = 5;
const SERVER_STREAMING = 6;

export class LazyService implements DescService {
  readonly kind = 'service';
  readonly typeName: string;
  readonly name: string;
  readonly #entry: TypeEntry;
  readonly #types: Types;
  #methods: DescMethod[] | null = null;

  constructor(typeName: string, entry: TypeEntry, types: Types) {
    this.typeName = typeName;
    this.name = entry.name;
    this.#entry = entry;
    this.#types = types;
  }

  get file(): DescFile {
    return this.#types.file(this.#entry.file.name);
  }

  get methods(): DescMethod[] {
    this.#methods ??= this.#readMethods();
    return this.#methods;
  }

  get method(): Record<string, DescMethod> {
    return Object.fromEntries(this.methods.map((method) => [method.localName, method]));
  }

  get deprecated(): boolean {
    return this.proto.options?.deprecated ?? false;
  }

  get proto(): ServiceDescriptorProto {
    const { start, end } = this.#entry.span;
    return fromBinary(ServiceDescriptorProtoSchema, this.#types.bytes.subarray(start, end));
  }

  toString(): string {
    return `service ${this.typeName}`;
  }

  #readMethods(): DescMethod[] {
    const methods: DescMethod[] = [];
    eachField(this.#types.bytes, this.#entry.span, (number, _, span) => {
      if (number === METHOD) methods.push(this.#readMethod(span, methods.length));
    });
    return methods;
  }

  #readMethod(span: Span, index: number): DescMethod {
    const { bytes } = this.#types;
    const texts: Record<number, string> = {};
    const streams = new Set<number>();
    eachField(bytes, span, (number, value, at) => {
      if (number === NAME || number === INPUT || number === OUTPUT) texts[number] = textAt(bytes, at);
      else if (value === 1) streams.add(number);
    });
    const name = texts[NAME] ?? '';
    const parent = this;
    return {
      kind: 'rpc',
      name,
      localName: name.slice(0, 1).toLowerCase() + name.slice(1),
      parent,
      methodKind: kindOf(streams.has(CLIENT_STREAMING), streams.has(SERVER_STREAMING)),
      // Full names begin with a dot.
      input: this.#types.message((texts[INPUT] ?? '').slice(1)),
      output: this.#types.message((texts[OUTPUT] ?? '').slice(1)),
      idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
      get deprecated() {
        return this.proto.options?.deprecated ?? false;
      },
      get proto() {
        return parent.proto.method[index] as DescMethod['proto'];
      },
      toString: () => `rpc ${parent.typeName}.${name}`,
    };
  }
}

function kindOf(client: boolean, server: boolean): DescMethod['methodKind'] {
  if (client) return server ? 'bidi_streaming' : 'client_streaming';
  return server ? 'server_streaming' : 'unary';
}
