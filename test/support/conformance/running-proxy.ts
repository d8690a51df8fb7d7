// Our data plane in this process with what a proxy of the suite is served: the bytes of its snapshot, decoded as from a control plane.
import { fromBinary } from '@bufbuild/protobuf';
import { systemClock } from '../../../src/lib/clock.ts';
import { decoders } from '../../../src/proxy/config/decoders.ts';
import { DataPlane } from '../../../src/proxy/data-plane.ts';
import { silentLog } from '../../../src/proxy/testing/harness.ts';
import { ClusterSchema } from '../../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { type Snapshot, type TypeUrl, typeUrl } from '../../../src/xds/resource.ts';

export class RunningProxy implements AsyncDisposable {
  readonly name: string;
  readonly #dataPlane: DataPlane;
  /** Where a listener is bound that wanted another port. */
  readonly #ports = new Map<number, number>();

  private constructor(name: string, dataPlane: DataPlane) {
    this.name = name;
    this.#dataPlane = dataPlane;
  }

  static async start(name: string, snapshot: Snapshot | undefined): Promise<RunningProxy> {
    if (snapshot === undefined) throw new Error(`no proxy is called ${name}`);
    const dataPlane = new DataPlane({ clock: systemClock, random: spread(), log: silentLog([]) });
    const proxy = new RunningProxy(name, dataPlane);
    for (const bytes of all(snapshot, typeUrl.cluster)) {
      const cluster = decoders.decodeCluster(fromBinary(ClusterSchema, bytes));
      // No pod of the suite has a proxy, and there is no agent that would have certificates.
      dataPlane.setCluster({ ...cluster, tls: [] });
    }
    for (const bytes of all(snapshot, typeUrl.endpoints)) {
      const { name: cluster, assignment } = decoders.decodeEndpoints(fromBinary(ClusterLoadAssignmentSchema, bytes));
      dataPlane.setEndpoints(cluster, assignment);
    }
    for (const bytes of all(snapshot, typeUrl.routes))
      dataPlane.setRoutes(decoders.decodeRoutes(fromBinary(RouteConfigurationSchema, bytes)));
    for (const bytes of all(snapshot, typeUrl.listener)) await proxy.#listen(bytes);
    return proxy;
  }

  /** undefined: no listener wanted it. */
  portFor(wanted: number): number | undefined {
    return this.#ports.get(wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dataPlane.close();
  }

  async #listen(bytes: Uint8Array): Promise<void> {
    const config = decoders.decodeListener(fromBinary(ListenerSchema, bytes));
    await this.#dataPlane.setListener({ ...config, port: 0 });
    const bound = this.#dataPlane.listeners().find((one) => one.config.name === config.name);
    if (bound !== undefined) this.#ports.set(config.port, bound.port);
  }
}

/** Fills [0, 1) evenly, whichever of its values are used for a choice: shares come out as they are configured. */
function spread(): () => number {
  const step = (Math.sqrt(5) - 1) / 2;
  let last = 0;
  return () => {
    last = (last + step) % 1;
    return last;
  };
}

const all = ({ resources }: Snapshot, type: TypeUrl): Uint8Array[] =>
  [...(resources.get(type)?.values() ?? [])].map(({ bytes }) => bytes);
