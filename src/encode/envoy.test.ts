// Real Envoy loads every golden: an implementation no one here wrote judges what we encode.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { findEnvoy } from '../../test/support/envoy.ts';
import { meshCases, planCase, resourceJson } from '../../test/support/mesh-case.ts';
import { port } from '../model/units.ts';
import { type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';
import { encodeBootstrap } from './bootstrap.ts';
import { encodePlan } from './plan.ts';

const envoy = findEnvoy();
const folder = mkdtempSync(join(tmpdir(), 'tulle-envoy-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(envoy === null).each(readdirSync(meshCases).sort())(
  'envoy accepts %s (skipped without envoy: node scripts/envoy.ts)',
  async (name) => {
    const { plans } = planCase(name);
    const served = plans.filter(({ proxy }) => proxy.kind !== 'proxyless').map((plan) => encodePlan(plan));
    expect(served.length).toBeGreaterThan(0);
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(asStatic(served)));
    const verdict = await promisify(execFile)(envoy as string, ['--mode', 'validate', '-c', file, '-l', 'error']);
    expect(verdict.stdout).toContain('OK');
  },
);

test('a refused resource is seen', { skip: envoy === null }, async () => {
  const file = join(folder, 'refused.json');
  const config = asStatic([]);
  const broken = { name: 'x', type: 'STATIC', circuitBreakers: { thresholds: 1 } };
  writeFileSync(file, JSON.stringify({ ...config, static_resources: { clusters: [broken] } }));
  await expect(promisify(execFile)(envoy as string, ['--mode', 'validate', '-c', file])).rejects.toThrow();
});

/** All proxies of a case in one static configuration: routes inline, names and ports made distinct. Endpoints become inline, too. */
function asStatic(snapshots: readonly Snapshot[]): JsonObject {
  const bootstrap = encodeBootstrap({
    node: {
      id: 'sidecar~1~a.b~b.svc.cluster.local',
      name: 'a',
      namespace: 'b',
      serviceAccount: 'a',
      workload: 'a',
      labels: {},
    },
    admin: { host: '127.0.0.1', port: port(15000) },
    xds: { host: '127.0.0.1', port: port(15012) },
    trustDomain: 'cluster.local',
    roots: { kind: 'sds' },
    secretSocket: '/tmp/agent.sock',
    agent: null,
  });
  const clusters = snapshots.flatMap((snapshot, i) => {
    const assignments = named(snapshot, typeUrl.endpoints);
    return [...named(snapshot, typeUrl.cluster)].map(([name, cluster]) => ({
      ...cluster,
      name: `${i}${name}`,
      ...(cluster['type'] === 'EDS'
        ? { type: 'STATIC', edsClusterConfig: undefined, loadAssignment: assignments.get(name) }
        : {}),
    }));
  });
  const listeners = snapshots.flatMap((snapshot, i) => {
    const routes = named(snapshot, typeUrl.routes);
    return [...named(snapshot, typeUrl.listener).values()].map((listener, n) => ({
      ...(inlineRoutes(listener, routes) as JsonObject),
      name: `${i} ${String(listener['name'])}`,
      address: { socketAddress: { address: '127.0.0.1', portValue: 1024 + i * 100 + n } },
    }));
  });
  const own = bootstrap['static_resources'] as { clusters: JsonValue[] };
  return {
    ...bootstrap,
    static_resources: JSON.parse(JSON.stringify({ clusters: [...own.clusters, ...clusters], listeners })) as JsonObject,
  };
}

function named(snapshot: Snapshot, type: TypeUrl): Map<string, JsonObject> {
  const resources = snapshot.resources.get(type) ?? new Map();
  return new Map([...resources.values()].map(({ name, bytes }) => [name, resourceJson[type](bytes) as JsonObject]));
}

function inlineRoutes(value: unknown, routes: ReadonlyMap<string, JsonObject>): unknown {
  if (Array.isArray(value)) return value.map((each) => inlineRoutes(each, routes));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => {
    if (key !== 'rds') return [key, inlineRoutes(each, routes)];
    const found = routes.get((each as { routeConfigName: string }).routeConfigName);
    expect(found, 'a listener names a route table that is served').toBeDefined();
    return ['routeConfig', found];
  });
  return Object.fromEntries(entries);
}
