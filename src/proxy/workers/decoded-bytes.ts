// Discovery's side of several workers: what it decodes is looked at here and handed on as the bytes it was decoded from.
import { toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Decoders } from '../discovery/decoders.ts';

/** What was decoded → its bytes, while discovery holds on to it. */
export class DecodedBytes {
  readonly #bytes = new WeakMap<object, Uint8Array>();
  readonly decoders: Decoders;

  constructor(decoders: Decoders) {
    this.decoders = {
      decodeCluster: (cluster) => this.#keep(decoders.decodeCluster(cluster), toBinary(ClusterSchema, cluster)),
      decodeRoutes: (routes) => this.#keep(decoders.decodeRoutes(routes), toBinary(RouteConfigurationSchema, routes)),
      decodeListener: (listener) => this.#keep(decoders.decodeListener(listener), toBinary(ListenerSchema, listener)),
      decodeEndpoints: (endpoints) => {
        const decoded = decoders.decodeEndpoints(endpoints);
        this.#keep(decoded.assignment, toBinary(ClusterLoadAssignmentSchema, endpoints));
        return decoded;
      },
      decodeSecret: (secret) => {
        const value = decoders.decodeSecret(secret);
        // What is asked of peers is compiled; everything else of a secret crosses as it is.
        if (value.kind === 'trust' && value.checks !== undefined) this.#keep(value, toBinary(SecretSchema, secret));
        return value;
      },
    };
  }

  /** undefined: it crosses as it is. */
  find(decoded: object): Uint8Array | undefined {
    return this.#bytes.get(decoded);
  }

  of(decoded: object): Uint8Array {
    const bytes = this.find(decoded);
    if (bytes === undefined) throw new Error('a configuration that was not decoded here');
    return bytes;
  }

  #keep<Value extends object>(value: Value, bytes: Uint8Array): Value {
    this.#bytes.set(value, bytes);
    return value;
  }
}
