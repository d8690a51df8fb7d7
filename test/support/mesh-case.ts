// A case of `src/mesh/testdata` as tests use it: read, with every replica running, planned; and resources as JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type MeshInput, type MeshPlan, planMesh } from '../../src/mesh/plan-mesh.ts';
import type { Fragment } from '../../src/model/fragment.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { GatewayInstance, Instance, Workload } from '../../src/model/service.ts';
import { type Hostname, port, type SpiffeId } from '../../src/model/units.ts';
import { readAll } from '../../src/read/registry.ts';
import { parseFile } from '../../src/sources/document.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { HTTPFaultSchema } from '../../src/xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RBACSchema } from '../../src/xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '../../src/xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { TlsInspectorSchema } from '../../src/xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { PreviousHostsPredicateSchema } from '../../src/xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { RawBufferSchema } from '../../src/xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../src/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../src/xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type TypeUrl, typeUrl } from '../../src/xds/resource.ts';

export const meshCases = join(import.meta.dirname, '../../src/mesh/testdata');

export function readCase(folder: string): { readonly input: MeshInput; readonly problems: readonly Problem[] } {
  const { objects, problems } = parseFile('in.yaml', readFileSync(join(meshCases, folder, 'in.yaml'), 'utf8'));
  const read = readAll(objects);
  const input = { fragment: read.fragment, ...running(read.fragment), trustDomain: 'cluster.local' };
  return { input, problems: [...problems, ...read.problems] };
}

export function planCase(folder: string): MeshPlan & { readonly reading: readonly Problem[] } {
  const { input, problems } = readCase(folder);
  return { ...planMesh(input), reading: problems };
}

/**
 * Runs every replica and one proxy per Gateway. The annotations `test/data-plane` (default `tulle`) and `test/calls` (`all`: by forward
 * proxy; a list of `host:port`: by a listener for each; default: nothing) stand for what a platform decides.
 */
function running(fragment: Fragment): { instances: Instance[]; gateways: GatewayInstance[] } {
  const identity = (namespace: string, account: string) =>
    `spiffe://cluster.local/ns/${namespace}/sa/${account}` as SpiffeId;
  const instances = fragment.workloads.flatMap((workload, w) =>
    Array.from({ length: workload.replicas }, (_, replica): Instance => {
      const host = `10.0.${w + 1}.${replica + 1}`;
      return {
        name: `${workload.name}-${replica}`,
        namespace: workload.namespace,
        workload: workload.name,
        labels: workload.labels,
        serviceAccount: workload.serviceAccount,
        identity: identity(workload.namespace, workload.serviceAccount),
        ready: workload.annotations['test/ready'] !== 'false',
        dataPlane: (workload.annotations['test/data-plane'] ?? 'tulle') as Instance['dataPlane'],
        ports: workload.ports.map((each) => ({
          container: each.port,
          reach: { host, port: each.port },
          application: { host: '127.0.0.1', port: each.port },
        })),
        capture: capture(workload),
      };
    }),
  );
  const gateways = fragment.gateways.map(
    ({ namespace, name }): GatewayInstance => ({
      name: `${name}-0`,
      namespace,
      gateway: { namespace, name },
      serviceAccount: name,
      identity: identity(namespace, name),
      dataPlane: 'tulle',
      bindHost: '127.0.0.1',
    }),
  );
  return { instances, gateways };
}

function capture({ annotations }: Workload): Instance['capture'] {
  const calls = annotations['test/calls'] ?? '';
  if (calls === 'all') return { listeners: [], forwardProxy: { host: '127.0.0.1', port: port(15001) } };
  const listeners = calls
    .split(' ')
    .filter((call) => call !== '')
    .map((call, i) => {
      const [host, number] = call.split(':');
      return {
        host: host as Hostname,
        port: port(Number(number)),
        bind: { host: '127.0.0.1', port: port(20000 + i) },
      };
    });
  return { listeners, forwardProxy: null };
}

const registry = createRegistry(
  HttpConnectionManagerSchema,
  RouterSchema,
  RBACSchema,
  HTTPFaultSchema,
  TlsInspectorSchema,
  PreviousHostsPredicateSchema,
  RawBufferSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
);

/** `fromBinary` and `toJson` of the type, with everything inside an Any spelled out and defaults left out. */
export const resourceJson: Record<TypeUrl, (bytes: Uint8Array) => JsonValue> = {
  [typeUrl.cluster]: (bytes) => toJson(ClusterSchema, fromBinary(ClusterSchema, bytes), { registry }),
  [typeUrl.endpoints]: (bytes) => toJson(ClusterLoadAssignmentSchema, fromBinary(ClusterLoadAssignmentSchema, bytes)),
  [typeUrl.listener]: (bytes) => toJson(ListenerSchema, fromBinary(ListenerSchema, bytes), { registry }),
  [typeUrl.routes]: (bytes) =>
    toJson(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, bytes), { registry }),
  [typeUrl.virtualHost]: () => 'never encoded',
  [typeUrl.secret]: () => 'never encoded',
  [typeUrl.runtime]: () => 'never encoded',
};
