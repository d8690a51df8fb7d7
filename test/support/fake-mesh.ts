// A shop that never changes, for tests of the API, CLI and dashboard: a MeshView of literals, and an admin interface per proxy whose
// counters grow by the same amounts each time they are read.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MeshView, RunningProxy } from '../../src/api/mesh-view.ts';
import type { SyncStatus } from '../../src/api/types.ts';
import type { ProxyPlan, ProxyRef } from '../../src/mesh/plan.ts';
import { groupOf, type MeshObject } from '../../src/model/object.ts';
import type { Origin } from '../../src/model/origin.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { SpiffeId } from '../../src/model/units.ts';

/** Per read: requests that succeed, fail and are refused, and how many milliseconds most of them take. */
type Call = {
  readonly from: string;
  readonly to: string;
  readonly ok: number;
  readonly failed?: number;
  readonly denied?: number;
  readonly millis: number;
  readonly plain?: boolean;
};

const WORKLOADS = ['frontend', 'catalog-v1', 'catalog-v2', 'cart', 'checkout', 'payments', 'inventory', 'visitors'];
const GATEWAY = 'entrance';

const CALLS: readonly Call[] = [
  { from: 'visitors', to: 'frontend', ok: 40, millis: 25 },
  { from: GATEWAY, to: 'frontend', ok: 10, millis: 25 },
  { from: 'frontend', to: 'catalog-v1', ok: 36, millis: 2 },
  { from: 'frontend', to: 'catalog-v2', ok: 4, millis: 3 },
  { from: 'frontend', to: 'cart', ok: 20, millis: 4 },
  { from: 'cart', to: 'inventory', ok: 20, millis: 200, plain: true },
  { from: 'frontend', to: 'checkout', ok: 8, millis: 20 },
  { from: 'checkout', to: 'payments', ok: 6, failed: 2, millis: 8 },
  { from: 'visitors', to: 'payments', ok: 0, denied: 3, millis: 1 },
];

export class FakeMesh implements AsyncDisposable {
  readonly view: MeshView;
  readonly #admins: readonly Server[];
  readonly #listeners: Set<() => void>;
  readonly #problems: Problem[];

  private constructor(view: MeshView, admins: readonly Server[], listeners: Set<() => void>, problems: Problem[]) {
    this.view = view;
    this.#admins = admins;
    this.#listeners = listeners;
    this.#problems = problems;
  }

  static async start(): Promise<FakeMesh> {
    const names = [...WORKLOADS, GATEWAY];
    const admins = await Promise.all(names.map(startAdmin));
    const ports = admins.map((admin) => (admin.address() as AddressInfo).port);
    const proxies = names.map((name, i) => runningProxy(name, ports[i] ?? 0));
    const listeners = new Set<() => void>();
    const found = [...problems];
    return new FakeMesh(viewOf(proxies, listeners, found), admins, listeners, found);
  }

  /** As if an object had been saved that has a problem. */
  change(problem: Problem): void {
    this.#problems.push(problem);
    for (const listener of this.#listeners) listener();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const admin of this.#admins) admin.closeAllConnections();
    await Promise.all(this.#admins.map((admin) => new Promise((resolve) => admin.close(resolve))));
  }
}

function viewOf(proxies: readonly RunningProxy[], listeners: Set<() => void>, found: readonly Problem[]): MeshView {
  return {
    objects: () => objects,
    problems: () => found,
    plans: () => proxies.map(planOf),
    proxies: () => proxies,
    applied: (key) =>
      key.startsWith('VirtualService')
        ? { applied: 7, total: 7, rejected: 0, millis: 45 }
        : key.startsWith('TrafficSplit')
          ? { applied: 6, total: 7, rejected: 1, millis: 61 }
          : { applied: 0, total: 0, rejected: 0, millis: null },
    sync: (nodeId) => (nodeId.includes('inventory') ? null : synced),
    origins: (nodeId) => (nodeId.includes('frontend') ? ['VirtualService.networking.istio.io/shop/catalog'] : []),
    certificateExpires: () => '2030-01-01T00:00:00Z',
    explain: ({ from, to, method }) =>
      from === 'nobody'
        ? { kind: 'error', error: 'no workload with a proxy is called nobody', hint: 'shop/frontend' }
        : {
            kind: 'answer',
            answer: to.includes('payments')
              ? { verdict: 'denied', status: 403, summary: `${from} may not ${method} ${to}`, steps: [refused] }
              : { verdict: 'forwarded', status: null, summary: 'forwarded to catalog-v1', steps: [routed, reached] },
          },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const synced: readonly SyncStatus[] = ['cluster', 'endpoints', 'listener', 'routes', 'secret'].map((type) => ({
  type,
  state: type === 'secret' ? 'not-asked' : 'synced',
  resources: type === 'secret' ? 0 : 9,
  error: '',
}));

const nodeIdOf = (name: string): string =>
  `${name === GATEWAY ? 'router' : 'sidecar'}~127.0.0.1~${name}-0.shop~shop.svc.cluster.local`;

function runningProxy(name: string, port: number): RunningProxy {
  return {
    name: `${name}-0`,
    namespace: 'shop',
    workload: name,
    nodeId: nodeIdOf(name),
    admin: { host: '127.0.0.1', port },
    dataPlane: 'tulle',
    pid: 4242,
  };
}

function planOf({ name, namespace, nodeId, workload }: RunningProxy): ProxyPlan {
  const labels = labelsOf(workload);
  const proxy: ProxyRef = {
    id: nodeId,
    kind: workload === GATEWAY ? 'gateway' : 'sidecar',
    name,
    namespace,
    dataPlane: 'tulle',
    identity: `spiffe://cluster.local/ns/shop/sa/${labels.app}` as SpiffeId,
    workload: labels,
  };
  return { proxy, listeners: [], routeTables: [], clusters: [] };
}

function labelsOf(workload: string) {
  const [app = workload, version = 'v1'] = workload.split('-');
  return { workload, namespace: 'shop', app, version };
}

function startAdmin(name: string): Promise<Server> {
  let reads = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/stats/prometheus')) return response.end(metricsOf(name, ++reads));
    if (path.startsWith('/config_dump')) return response.end(JSON.stringify(configDump));
    if (path.startsWith('/certs')) return response.end(JSON.stringify(certs));
    response.statusCode = 404;
    response.end();
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const BOUNDS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500];

function metricsOf(name: string, reads: number): string {
  return CALLS.flatMap((call) => [
    ...(call.from === name ? reportOf(call, 'source', reads) : []),
    ...(call.to === name ? reportOf(call, 'destination', reads) : []),
  ]).join('');
}

function reportOf(call: Call, reporter: string, reads: number): string[] {
  const { from, to, ok, failed = 0, denied = 0, millis, plain = false } = call;
  const security = reporter === 'source' ? 'unknown' : plain ? 'none' : 'mutual_tls';
  const [source, destination] = [labelsOf(from), labelsOf(to)];
  const base =
    `reporter="${reporter}",source_workload="${from}",source_workload_namespace="shop",source_app="${source.app}",` +
    `source_version="${source.version}",destination_workload="${to}",destination_workload_namespace="shop",` +
    `destination_app="${destination.app}",destination_version="${destination.version}",` +
    `destination_service_name="${destination.app}",destination_service_namespace="shop",` +
    `connection_security_policy="${security}"`;
  const counter = (code: number, flags: string, count: number) =>
    count === 0
      ? []
      : [`istio_requests_total{${base},response_code="${code}",response_flags="${flags}"} ${count * reads}\n`];
  const total = (ok + failed + denied) * reads;
  const buckets = [...BOUNDS, Infinity].map((bound) => {
    const share = bound >= millis * 3 ? 1 : bound >= millis ? 0.9 : 0;
    const le = bound === Infinity ? '+Inf' : bound;
    return `istio_request_duration_milliseconds_bucket{${base},response_code="200",le="${le}"} ${total * share}\n`;
  });
  return [
    ...counter(200, '-', ok),
    ...counter(503, 'UF', failed),
    ...counter(403, reporter === 'source' ? '-' : 'RBAC', denied),
    ...buckets,
  ];
}

const place = (file: string, line: number) => ({ file, line: () => line });

function object(apiVersion: string, kind: string, name: string, file: string, line: number, spec: object): MeshObject {
  const body = { apiVersion, kind, metadata: { name, namespace: 'shop' }, spec };
  return { ...body, name, namespace: 'shop', labels: {}, annotations: {}, created: '', body, place: place(file, line) };
}

const secretBody = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: 'shop', annotations: { 'last-applied': 'hunter2' } },
  data: { password: 'aHVudGVyMg==' },
};

const objects: readonly MeshObject[] = [
  object('apps/v1', 'Deployment', 'frontend', 'shop/frontend.yaml', 8, { replicas: 1 }),
  object('v1', 'Service', 'catalog', 'shop/catalog.yaml', 1, { ports: [{ port: 80 }] }),
  object('networking.istio.io/v1', 'VirtualService', 'catalog', 'shop/istio.yaml', 3, {
    hosts: ['catalog'],
    http: [{ route: [{ destination: { host: 'catalog', subset: 'v1' }, weight: 90 }] }],
  }),
  object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'entrance', 'shop/gateway.yaml', 20, { rules: [] }),
  object('split.smi-spec.io/v1alpha4', 'TrafficSplit', 'cart', 'shop/smi.yaml', 1, { service: 'cart' }),
  object('policy.linkerd.io/v1beta3', 'Server', 'inventory', 'shop/linkerd.yaml', 14, { port: 80 }),
  {
    ...object('v1', 'Secret', 'keys', 'shop/keys.yaml', 1, {}),
    body: secretBody,
  },
];

const originOf = (kind: string, name: string, dialect: Origin['dialect'], path: string, line: number): Origin => ({
  dialect,
  group: groupOf(objects.find((one) => one.kind === kind && one.name === name)?.apiVersion ?? ''),
  kind,
  namespace: 'shop',
  name,
  path,
  place: { file: `shop/${dialect}.yaml`, line },
});

const problems: readonly Problem[] = [
  {
    severity: 'error',
    code: 'dangling',
    origin: originOf('VirtualService', 'catalog', 'istio', 'spec.http[0].route[1]', 12),
    message: 'service basket does not exist',
    hint: 'did you mean cart?',
  },
  {
    severity: 'warning',
    code: 'unknown-field',
    origin: originOf('TrafficSplit', 'cart', 'smi', 'spec.match', 9),
    message: 'unknown field "match"',
    hint: '',
  },
];

const routed = {
  stage: 'route',
  outcome: 'passed',
  text: 'route catalog of catalog.shop.svc.cluster.local:80',
  origin: originOf('VirtualService', 'catalog', 'istio', 'spec.http[0]', 9),
} as const;
const reached = { stage: 'endpoint', outcome: 'passed', text: 'catalog-v1 (127.0.0.1:20001)', origin: null } as const;
const refused = {
  stage: 'policy',
  outcome: 'refused',
  text: 'denied by AuthorizationPolicy/shop/payments',
  origin: originOf('AuthorizationPolicy', 'payments', 'istio', 'spec.rules[0]', 40),
} as const;

const metadata = {
  filter_metadata: {
    'tulle.origin': { kind: 'VirtualService', namespace: 'shop', name: 'catalog', file: 'shop/istio.yaml', line: 9 },
  },
};
const socket = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

const configDump = {
  configs: [
    { dynamic_active_clusters: [{ cluster: { name: 'outbound|80||catalog.shop', type: 'EDS', metadata } }] },
    {
      dynamic_listeners: [
        { name: 'outbound_80', active_state: { listener: { name: 'outbound_80', address: socket(20080) } } },
      ],
    },
    {
      dynamic_route_configs: [
        {
          route_config: {
            name: 'catalog:80',
            virtual_hosts: [
              {
                domains: ['catalog'],
                routes: [{ match: { prefix: '/' }, route: { cluster: 'outbound|80||catalog.shop' }, metadata }],
              },
            ],
          },
        },
      ],
    },
    {
      dynamic_endpoint_configs: [
        {
          endpoint_config: {
            cluster_name: 'outbound|80||catalog.shop',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(20001) }, health_status: 'HEALTHY' }] }],
          },
        },
      ],
    },
  ],
};

const certs = {
  certificates: [
    {
      ca_cert: [{ serial_number: '1', subject_alt_names: [], expiration_time: '2036-01-01T00:00:00Z' }],
      cert_chain: [
        {
          serial_number: '2f',
          subject_alt_names: [{ uri: 'spiffe://cluster.local/ns/shop/sa/frontend' }],
          expiration_time: '2030-01-01T00:00:00Z',
        },
      ],
    },
  ],
};
