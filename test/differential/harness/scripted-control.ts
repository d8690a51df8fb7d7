// A control plane that says what a test tells it to, over aggregated streams of state of the world, and writes down what it is asked.
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { types } from '../../../src/xds/descriptors/types.ts';
import { AggregatedDiscoveryService } from '../../../src/xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { typeUrl } from '../../../src/xds/resource.ts';
import { startGrpcServer, stream } from '../../support/grpc-server.ts';

type Kind = keyof typeof typeUrl;
type Client = { name: string; readonly asked: Set<Kind>; send(message: DiscoveryResponse): void };

/** `line` is what tests compare: `cluster`, `endpoints a,b`, and after an answer `cluster ack`, `runtime nack`. */
export type Asked = {
  readonly line: string;
  readonly message: DiscoveryRequest /** Milliseconds. */;
  readonly at: number;
};

export class ScriptedControl {
  readonly #answers = new Map<Kind, readonly Any[]>();
  readonly #clients = new Map<object, Client>();
  readonly #asked = new Map<string, Asked[]>();
  #stop: () => void = () => undefined;
  #version = 0;
  port = 0;

  static async start(): Promise<ScriptedControl> {
    const control = new ScriptedControl();
    const { port, stop } = await startGrpcServer([
      stream(AggregatedDiscoveryService.method.streamAggregatedResources, (message, send, call) =>
        control.#receive(message, send, call),
      ),
    ]);
    control.port = port;
    control.#stop = stop;
    return control;
  }

  stop(): void {
    this.#stop();
  }

  /** What everybody is told of this type from now on; nobody hears anything before. Each resource is JSON with its "@type". */
  say(kind: Kind, ...resources: JsonObject[]): void {
    const packed = resources.map((one) => fromJson(AnySchema, one, { registry: types }));
    this.#answers.set(kind, packed);
    this.#version += 1;
    for (const client of this.#clients.values()) if (client.asked.has(kind)) this.#tell(client, kind);
  }

  /** By `envoy`, which says its name, or `tulle`; in order. */
  askedBy(name: string): readonly Asked[] {
    return this.#asked.get(name) ?? [];
  }

  #receive(message: DiscoveryRequest, send: Client['send'], call: object): void {
    const kind = (Object.keys(typeUrl) as Kind[]).find((one) => typeUrl[one] === message.typeUrl);
    if (kind === undefined) return;
    const known = this.#clients.get(call) ?? {
      name: message.node?.userAgentName || 'tulle',
      asked: new Set<Kind>(),
      send,
    };
    this.#clients.set(call, known);
    const line = [kind, ...namesOrVerdict(message)].join(' ');
    this.#asked.set(known.name, [...(this.#asked.get(known.name) ?? []), { line, message, at: performance.now() }]);
    const isNew = !known.asked.has(kind) || message.responseNonce === '';
    known.asked.add(kind);
    if (isNew || !line.includes('ack')) this.#tell(known, kind);
  }

  #tell(client: Client, kind: Kind): void {
    const resources = this.#answers.get(kind);
    if (resources === undefined) return;
    const version = String(this.#version);
    client.send(
      create(DiscoveryResponseSchema, {
        typeUrl: typeUrl[kind],
        versionInfo: version,
        nonce: version,
        resources: [...resources],
      }),
    );
  }
}

function namesOrVerdict({ responseNonce, errorDetail, resourceNames }: DiscoveryRequest): readonly string[] {
  if (errorDetail !== undefined) return ['nack'];
  if (responseNonce !== '') return ['ack'];
  return resourceNames.length === 0 ? [] : [[...resourceNames].sort().join()];
}
