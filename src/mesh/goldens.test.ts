// Every `testdata/<case>/in.yaml` through readers, plan and encoding, against the files beside it. `UPDATE_GOLDENS=1` writes them anew.
import { existsSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { encodePlan } from '../encode/plan.ts';
import type { Fragment } from '../model/fragment.ts';
import { describeOrigin, type Origin } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance, Workload } from '../model/service.ts';
import { port, type SpiffeId } from '../model/units.ts';
import { readAll } from '../read/registry.ts';
import { parseFile } from '../sources/document.ts';
import { ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.ts';
import { HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RBACSchema } from '../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { TlsInspectorSchema } from '../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { PreviousHostsPredicateSchema } from '../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { RawBufferSchema } from '../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';
import type { ProxyPlan } from './plan.ts';
import { type MeshPlan, planMesh } from './plan-mesh.ts';

const update = process.env['UPDATE_GOLDENS'] !== undefined;
const cases = globSync('testdata/*', { cwd: import.meta.dirname }).sort();

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(3);
});

test.each(cases)('%s', (folder) => {
  const path = join(import.meta.dirname, folder);
  const { objects, problems } = parseFile('in.yaml', readFileSync(join(path, 'in.yaml'), 'utf8'));
  const read = readAll(objects);
  const plan: MeshPlan = planMesh({ fragment: read.fragment, ...running(read.fragment), trustDomain: 'cluster.local' });
  const expected: Record<string, string> = {
    'in.yaml': readFileSync(join(path, 'in.yaml'), 'utf8'),
    'plan.yaml': stringify(brief(plan.plans), { lineWidth: 140 }),
    'xds.yaml': stringify(resources(plan.plans), { lineWidth: 140, aliasDuplicateObjects: false }),
    'problems.txt': [...problems, ...read.problems, ...plan.problems].map(problemLine).join(''),
  };
  for (const [file, text] of Object.entries(expected)) check(join(path, file), text);
  expect(readdirSync(path).filter((file) => expected[file] === undefined)).toEqual([]);
});

/** An empty golden is an absent file. */
function check(file: string, text: string): void {
  if (update) {
    if (text === '') rmSync(file, { force: true });
    else writeFileSync(file, text);
  }
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '', `${basename(dirname(file))}/${basename(file)}`).toBe(text);
}

const problemLine = ({ severity, code, origin, message, hint }: Problem): string =>
  `${origin.place?.line ?? '?'}: ${severity} ${code}: ${describeOrigin(origin)}: ${message}${hint === '' ? '' : ` (hint: ${hint})`}\n`;

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
        host: host as Instance['capture']['listeners'][number]['host'],
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

const decoders: Record<TypeUrl, (bytes: Uint8Array) => unknown> = {
  [typeUrl.cluster]: (bytes) => toJson(ClusterSchema, fromBinary(ClusterSchema, bytes), { registry }),
  [typeUrl.endpoints]: (bytes) => toJson(ClusterLoadAssignmentSchema, fromBinary(ClusterLoadAssignmentSchema, bytes)),
  [typeUrl.listener]: (bytes) => toJson(ListenerSchema, fromBinary(ListenerSchema, bytes), { registry }),
  [typeUrl.routes]: (bytes) =>
    toJson(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, bytes), { registry }),
  [typeUrl.secret]: () => 'never encoded',
};

/** Each resource once, with the proxies that get these very bytes; defaults left out, origins as one word. */
function resources(plans: readonly ProxyPlan[]): unknown {
  const found = new Map<string, { proxies: string[]; shapedBy: string; resource: unknown }>();
  for (const plan of plans) {
    for (const { typeUrl: type, name, version, bytes, origins } of all(encodePlan(plan))) {
      const key = `${type.slice(type.lastIndexOf('.') + 1)} ${name} ${version}`;
      const entry = found.get(key);
      if (entry !== undefined) entry.proxies.push(plan.proxy.name);
      else {
        const json = decoders[type](bytes);
        found.set(key, { proxies: [plan.proxy.name], shapedBy: origins.join(' '), resource: briefJson(json) });
      }
    }
  }
  return Object.fromEntries(
    [...found].map(([key, { proxies, shapedBy, resource }]) => [
      key.replace(/ [0-9a-f]{16}$/, ` for ${proxies.join(' ')}`),
      { shapedBy, resource },
    ]),
  );
}

const all = (snapshot: Snapshot) => [...snapshot.resources.values()].flatMap((byName) => [...byName.values()]);

/** Origins as one word, and the secret source, always the same, as its name. */
function briefJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(briefJson);
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  if ('dialect' in record && 'path' in record)
    return `${record['kind']} ${record['namespace']}/${record['name']} ${record['path']} @${record['line']}`;
  if ('apiConfigSource' in record) return 'sds-grpc';
  return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, briefJson(item)]));
}

/** Only what is not the default, and origins as one word: so that a person can check it. */
function brief(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => brief(item) ?? 'nothing');
  if (typeof value !== 'object' || value === null)
    return value === null || value === '' || value === false ? undefined : value;
  if ('dialect' in value && 'path' in value)
    return `${describeOrigin(value as Origin)} @${(value as Origin).place?.line ?? '?'}`;
  const record = value as Record<string, unknown>;
  if (record['kind'] === 'off') return 'off';
  if (Array.isArray(record['on']) && 'limit' in record) return JSON.stringify(record);
  if (record['kind'] === 'set') return brief(record['value']) ?? 'set';
  const allow = record['allow'];
  if ('deny' in record && Array.isArray(allow) && allow.length === 0) return { ...record, allow: 'nobody' };
  const said = Object.entries(record)
    .map(([key, item]) => [key, brief(item)] as const)
    .filter(([, item]) => item !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
