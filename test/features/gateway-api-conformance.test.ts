// The Gateway API's own conformance cases: its manifests make the configuration, and its requests go through our proxy.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { port } from '../../src/model/units.ts';
import { type Echo, EchoBackend } from '../support/conformance/echo-backend.ts';
import { type Answer, differences, send, unmirrored } from '../support/conformance/judge.ts';
import { RunningProxy } from '../support/conformance/running-proxy.ts';
import {
  CLIENT_PORT,
  type ConformanceCase,
  type ConformanceTest,
  conformanceMesh,
  MESH_NAMESPACE,
  NAMESPACE,
  readSuite,
} from '../support/conformance/suite.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = join(
  resolve(import.meta.dirname, '../..', process.env['CASES'] ?? '../shared/cases'),
  'gateway-api-conformance',
);
const skip = !existsSync(folder);
if (skip) console.warn(`skipped: the conformance cases are not at ${folder} (set CASES)`);

/** Tests of what is not there yet, each with what it needs. */
const NOT_YET: Readonly<Record<string, string>> = {
  BackendTLSPolicyGRPCRoute: 'BackendTLSPolicy, GRPCRoute',
  GatewayFrontendInvalidDefaultClientCertificateValidation: 'HTTPS listeners',
  GRPCRouteListenerHostnameMatching: 'GRPCRoute',
  GRPCRouteNamedRule: 'GRPCRoute',
  GRPCRouteRequestHeaderModifier: 'GRPCRoute',
  GRPCRouteWeight: 'GRPCRoute',
  HTTPRouteHTTPSListener: 'HTTPS listeners',
  HTTPRouteServiceTypes: 'EndpointSlice: endpoints of services without a selector',
  ListenerSetDualParentRefIndependence: 'ListenerSet',
  ListenerSetHTTPRouting: 'ListenerSet',
  MeshGRPCRouteRequestHeaderModifier: 'GRPCRoute',
  MeshGRPCRouteWeight: 'GRPCRoute',
};

/** Cases that are left out of tests that run, by test and number. */
const CASES_LEFT: Readonly<Record<string, { readonly why: string; readonly cases: readonly number[] }>> = {
  HTTPRouteRedirectPortAndScheme: { why: 'HTTPS listeners', cases: [9, 10, 11, 12, 13, 14] },
  MeshHTTPRouteNamedRule: { why: 'it wants a path that no filter of its manifest makes', cases: [1] },
  MeshFrontend: { why: 'requests to the address of a pod', cases: [1] },
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function run(
  suite: ConformanceTest,
): Promise<{ proxies: readonly RunningProxy[]; backends: readonly EchoBackend[] }> {
  const mesh = conformanceMesh(folder, suite);
  const backends = await Promise.all(
    mesh.fragment.workloads.map(({ namespace, name }) => EchoBackend.start(`${namespace}/${name}`)),
  );
  const snapshots = mesh.snapshots(new Map(backends.map((one) => [one.name, port(one.port)])));
  const used = suite.gateways ?? [suite.gateway ?? `${suite.from}-client`];
  const proxies = await Promise.all(used.map((name) => RunningProxy.start(name, snapshots.get(name))));
  cleanups.push(async () => {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    for (const backend of backends) backend[Symbol.dispose]();
  });
  return { proxies, backends };
}

/** The case's number and name. */
const called = (one: ConformanceCase, index: number): string =>
  `${index} ${one.TestCaseName ?? one.Request?.Path ?? ''}`;

function entranceFor({ from }: ConformanceTest, one: ConformanceCase, proxies: readonly RunningProxy[]): number {
  const proxy = one.Gateway === undefined ? proxies[0] : proxies.find(({ name }) => name === one.Gateway);
  const wanted = from === undefined ? (one.Port ?? 80) : CLIENT_PORT;
  const entrance = proxy?.portFor(wanted);
  if (entrance === undefined) throw new Error(`${proxy?.name ?? one.Gateway} has no port ${wanted}`);
  return entrance;
}

const REQUESTS = 200;
/** The suite's own, of 500 requests by chance. */
const TOLERANCE = 0.05;

/** Backends that did not get their share of many requests. */
async function misshared(weights: Readonly<Record<string, number>>, ask: () => Promise<Answer>): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: REQUESTS }, ask));
  const names = answers.map(({ body }) => (JSON.parse(body) as Echo).backend.split('/')[1]);
  return Object.entries(weights).flatMap(([name, weight]) => {
    const share = names.filter((each) => each === name).length / REQUESTS;
    return Math.abs(share - weight) <= TOLERANCE ? [] : [`${name} got ${share} of the requests instead of ${weight}`];
  });
}

async function judged(suite: ConformanceTest): Promise<readonly string[]> {
  const { proxies, backends } = await run(suite);
  const absolute = suite.from !== undefined;
  const wrong: string[] = [];
  for (const [index, one] of suite.cases.entries()) {
    if (CASES_LEFT[suite.test]?.cases.includes(index)) continue;
    const entrance = entranceFor(suite, one, proxies);
    const answer = await send(one, entrance, absolute);
    const found = differences(one, answer, absolute ? MESH_NAMESPACE : NAMESPACE);
    wrong.push(...found.map((text) => `${called(one, index)}: ${text}`));
    if (suite.weights !== undefined)
      wrong.push(...(await misshared(suite.weights, () => send(one, entrance, absolute))));
    await waitFor(`copies of ${called(one, index)}`, () => unmirrored(one, backends).length === 0);
  }
  return wrong;
}

describe.skipIf(skip)('Gateway API conformance', () => {
  const suites = skip ? [] : readSuite(folder);

  test('there are many', () => {
    expect(suites.length).toBeGreaterThan(40);
    expect(
      Object.keys({ ...NOT_YET, ...CASES_LEFT }).filter((name) => !suites.some((suite) => suite.test === name)),
    ).toEqual([]);
  });

  test.each(
    suites.filter(({ test: name }) => NOT_YET[name] === undefined).map((suite) => [suite.test, suite] as const),
  )('%s', async (_name, suite) => {
    expect(await judged(suite)).toEqual([]);
  });
});
