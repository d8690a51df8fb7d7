// The Gateway API suite's cases as data, and the mesh of its manifests: read, planned and encoded as for anyone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePlan } from '../../../src/encode/plan.ts';
import type { ProxyPlan } from '../../../src/mesh/plan.ts';
import { planMesh } from '../../../src/mesh/plan-mesh.ts';
import type { Fragment } from '../../../src/model/fragment.ts';
import type { GatewayInstance, Instance } from '../../../src/model/service.ts';
import { type Port, port, type SpiffeId } from '../../../src/model/units.ts';
import { readAll } from '../../../src/read/registry.ts';
import { parseFile } from '../../../src/sources/document.ts';
import type { Snapshot } from '../../../src/xds/resource.ts';

export type Sent = {
  readonly Host?: string;
  readonly Path?: string;
  readonly Method?: string;
  readonly Headers?: Readonly<Record<string, string>>;
  readonly Query?: Readonly<Record<string, string>>;
};

/** The fields are the suite's own; its README says what they mean. */
export type ConformanceCase = {
  readonly TestCaseName?: string;
  readonly Gateway?: string;
  readonly Port?: number;
  readonly From?: string;
  readonly Request?: Sent;
  readonly ExpectedRequest?: { readonly Request?: Sent; readonly AbsentHeaders?: readonly string[] };
  readonly BackendSetResponseHeaders?: Readonly<Record<string, string>>;
  readonly Response?: {
    readonly StatusCode?: number;
    readonly Headers?: Readonly<Record<string, string>>;
    readonly AbsentHeaders?: readonly string[];
  };
  readonly RedirectRequest?: {
    readonly Scheme?: string;
    readonly Host?: string;
    readonly Port?: string;
    readonly Path?: string;
  };
  readonly Backend?: string;
  readonly Namespace?: string;
  readonly MirroredTo?: readonly { readonly BackendRef: { readonly Name: string; readonly Namespace: string } }[];
};

export type ConformanceTest = {
  readonly test: string;
  readonly features: readonly string[];
  readonly manifests: readonly string[];
  readonly gateway?: string;
  readonly gateways?: readonly string[];
  readonly from?: string;
  readonly weights?: Readonly<Record<string, number>>;
  readonly cases: readonly ConformanceCase[];
};

export const NAMESPACE = 'gateway-conformance-infra';
export const MESH_NAMESPACE = 'gateway-conformance-mesh';

export const readSuite = (folder: string): readonly ConformanceTest[] =>
  JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as ConformanceTest[];

/** Where the pods of a workload answer; by `<namespace>/<workload>`. */
type Backends = ReadonlyMap<string, Port>;

export type ConformanceMesh = {
  readonly fragment: Fragment;
  /** By name of a gateway, or of the client in a mesh test. */
  snapshots(backends: Backends): ReadonlyMap<string, Snapshot>;
};

/** The port of the client's forward proxy. */
export const CLIENT_PORT = port(15001);

export function conformanceMesh(folder: string, { manifests, from }: ConformanceTest): ConformanceMesh {
  const base = from === undefined ? 'base/manifests.yaml' : 'mesh/manifests.yaml';
  const objects = [base, ...manifests].flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll('{GATEWAY_CLASS_NAME}', 'tulle');
    return parseFile(file, text).objects;
  });
  const { fragment } = readAll(objects);
  return {
    fragment,
    snapshots: (backends) => {
      const instances = pods(fragment, backends);
      const { plans } = planMesh({
        fragment,
        instances: from === undefined ? instances : [...instances, client(from)],
        gateways: fragment.gateways.map(gatewayProxy),
        trustDomain: 'cluster.local',
      });
      return new Map(plans.map((plan) => [nameOf(plan), encodePlan(plan)]));
    },
  };
}

const nameOf = ({ proxy }: ProxyPlan): string => proxy.name;

const identity = (namespace: string, account: string) =>
  `spiffe://cluster.local/ns/${namespace}/sa/${account}` as SpiffeId;

/** One pod per workload, without a proxy; it takes every port that a service may lead to. */
function pods({ workloads, services }: Fragment, backends: Backends): Instance[] {
  const targets = services.flatMap(({ ports }) => ports.map(({ target }) => target));
  const numbers = [...new Set(targets.filter((target) => typeof target === 'number'))];
  return workloads.map(({ namespace, name, labels, serviceAccount }) => {
    const reach = { host: '127.0.0.1', port: backends.get(`${namespace}/${name}`) ?? port(1) };
    return {
      ...{ name, namespace, workload: name, labels, serviceAccount },
      identity: identity(namespace, serviceAccount),
      ready: true,
      dataPlane: 'none',
      ports: numbers.map((container) => ({ container, reach, application: reach })),
      capture: { listeners: [], forwardProxy: null },
    };
  });
}

/** Sends from the namespace of the suite's mesh, by a proxy that takes every name. */
const client = (name: string): Instance => ({
  name: `${name}-client`,
  namespace: MESH_NAMESPACE,
  workload: '',
  labels: {},
  serviceAccount: 'default',
  identity: identity(MESH_NAMESPACE, 'default'),
  ready: true,
  dataPlane: 'tulle',
  ports: [],
  capture: { listeners: [], forwardProxy: { host: '127.0.0.1', port: CLIENT_PORT } },
});

const gatewayProxy = ({ namespace, name }: Fragment['gateways'][number]): GatewayInstance => ({
  name,
  namespace,
  gateway: { namespace, name },
  serviceAccount: name,
  identity: identity(namespace, name),
  dataPlane: 'tulle',
  bindHost: '127.0.0.1',
});
