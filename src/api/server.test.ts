import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get as request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeMesh } from '../../test/support/fake-mesh.ts';
import { waitFor, within } from '../../test/support/wait-for.ts';
import { systemClock } from '../lib/clock.ts';
import { type ApiServer, startApi } from './server.ts';
import type { GraphResponse, HistoryResponse, WorkloadResponse, WorkloadsResponse } from './types.ts';

let mesh: FakeMesh;
let api: ApiServer;
let folder: string;
const failures: object[] = [];
const silent = () => undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dashboard-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'assets', 'index-abc.js'), '1;');
  await writeFile(join(folder, 'secret.pem'), 'key');
  mesh = await FakeMesh.start();
  const log = { debug: silent, info: silent, warn: silent, error: (fields: object) => void failures.push(fields) };
  const metrics = () => 'up 1\n';
  const options = { clock: systemClock, log, port: 0, dashboard: folder, version: '1.2.3', metrics };
  api = await startApi({ ...options, view: mesh.view });
  await waitFor('two rounds of metrics', () => api.store.window(10).length > 0);
});

afterAll(async () => {
  await api.close();
  await mesh[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  expect(failures).toEqual([]);
});

const ask = async <T>(path: string): Promise<T> => (await (await fetch(`${api.url}/api/v1/${path}`)).json()) as T;

test('the graph: every workload, edges with their figures', async () => {
  const { nodes, edges } = await ask<GraphResponse>('graph?window=5');
  expect(nodes.map(({ id }) => id)).toContain('shop/frontend');
  expect(nodes.find(({ id }) => id === 'shop/entrance')).toMatchObject({ kind: 'gateway', proxies: 1 });
  expect(nodes.find(({ id }) => id === 'shop/entrance')?.inbound.rate).toBeGreaterThan(0);
  const edge = (id: string) => edges.find((one) => one.id === id)?.golden;
  expect(edge('shop/checkout>shop/payments')).toMatchObject({ success: 0.75, encrypted: 1, denied: 0 });
  expect(edge('shop/cart>shop/inventory')).toMatchObject({ success: 1, encrypted: 0 });
  expect(edge('shop/visitors>shop/payments')).toMatchObject({ success: null });
  expect(edge('shop/visitors>shop/payments')?.denied).toBeGreaterThan(0);
});

test('workloads: inbound golden metrics, also of those without traffic', async () => {
  const { workloads } = await ask<WorkloadsResponse>('workloads');
  expect(workloads).toHaveLength(9);
  expect(workloads.find(({ name }) => name === 'visitors')?.inbound.rate).toBe(0);
});

test('one workload: proxies, objects, neighbours', async () => {
  const answer = await ask<WorkloadResponse>('workloads/shop/frontend');
  expect(answer.workload.identity).toBe('spiffe://cluster.local/ns/shop/sa/frontend');
  expect(answer.proxies.map(({ name }) => name)).toEqual(['frontend-0']);
  expect(answer.objects).toEqual([
    { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'shop', name: 'catalog' },
  ]);
  expect(answer.inbound.map(({ from }) => from)).toEqual(['shop/entrance', 'shop/visitors']);
  expect(answer.outbound).toHaveLength(4);
});

test.each([
  ['a workload', 'workload=shop%2Ffrontend'],
  ['a gateway', 'workload=shop%2Fentrance'],
  ['an edge', 'from=shop%2Fcart&to=shop%2Finventory'],
])('history of %s', async (_name, query) => {
  const { rate, p50, step } = await ask<HistoryResponse>(`history?${query}&points=4&step=2`);
  expect([rate.length, p50.length, step]).toEqual([4, 4, 2]);
  expect(rate.at(-1)).toBeGreaterThan(0);
});

test('objects with problems and what they are applied to', async () => {
  const { objects } = await ask<{ objects: Record<string, unknown>[] }>('objects');
  expect(objects.find(({ kind }) => kind === 'VirtualService')).toMatchObject({
    dialect: 'istio',
    file: 'shop/istio.yaml',
    line: 3,
    problems: [{ code: 'dangling', origin: { place: { file: 'shop/istio.yaml', line: 12 } } }],
    applied: { applied: 7, total: 7, rejected: 0, millis: 45 },
  });
});

test('the values of a Secret are not shown', async () => {
  const { yaml } = await ask<{ yaml: string }>('objects/Secret/shop/keys');
  expect(yaml).toContain('password: "[redacted]"');
  expect(yaml).not.toMatch(/hunter2|aHVudGVyMg/);
});

test('what a proxy says of itself', async () => {
  expect(await ask('proxies/frontend-0/config_dump')).toHaveProperty('configs');
  expect(await ask('proxies/frontend-0.shop/certs')).toHaveProperty('certificates');
});

test.each([
  ['an unknown path', 'nothing', 404, 'there is nothing at /api/v1/nothing'],
  ['an unknown workload', 'workloads/shop/nobody', 404, 'there is no workload shop/nobody'],
  ['an unknown object', 'objects/Service/shop/nobody', 404, 'there is no Service shop/nobody'],
  ['an unknown proxy', 'proxies/nobody/certs', 404, 'there is no proxy nobody'],
  ['a window that is no number', 'graph?window=ten', 400, 'window "ten" is not a whole number'],
  ['a window that is too long', 'graph?window=601', 400, 'window "601" is not a whole number'],
  ['more history than is kept', 'history?workload=a&points=120&step=60', 400, 'points × step is over 600 seconds'],
  ['a history of nothing', 'history', 400, 'neither workload nor from and to are given'],
  ['a question without an end', 'explain?from=frontend', 400, 'from and to are needed'],
  ['a header without a name', 'explain?from=a&to=b&header=x', 400, 'header "x" has no name'],
  [
    'a question that cannot be answered',
    'explain?from=nobody&to=http://x',
    400,
    'no workload with a proxy is called nobody',
  ],
  ['a broken escape', 'workloads/shop/%ff', 404, 'there is nothing at /api/v1/workloads/shop/%ff'],
])('%s is a clear error', async (_name, path, status, error) => {
  const response = await fetch(`${api.url}/api/v1/${path}`);
  expect(response.status).toBe(status);
  const body = (await response.json()) as { error: string; hint: string };
  expect(body.error).toBe(error);
  expect(body.hint).not.toBe('');
});

test('explain passes everything on', async () => {
  const answer = await ask('explain?from=shop/cart&to=http://payments/&method=POST&header=x-a:%20b');
  expect(answer).toMatchObject({ verdict: 'denied', summary: 'shop/cart may not POST http://payments/' });
});

test('the dashboard: its files and nothing beside them, nothing from elsewhere', async () => {
  const page = await fetch(api.url);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const script = await fetch(`${api.url}/assets/index-abc.js`);
  expect(script.headers.get('cache-control')).toContain('immutable');
  for (const path of ['/secret.pem', '/../package.json', '/assets/', '/%2e%2e/%2e%2e/etc/passwd']) {
    expect((await fetch(api.url + path)).status, path).toBe(404);
  }
});

test('its own metrics and version', async () => {
  expect(await (await fetch(`${api.url}/metrics`)).text()).toBe('up 1\n');
  expect(await ask('version')).toMatchObject({ version: '1.2.3' });
});

test('a foreign Host is refused with a way out', async () => {
  const answer = Promise.withResolvers<number | undefined>();
  request(`${api.url}/`, { headers: { host: 'evil.example' } }, (response) => {
    response.resume();
    answer.resolve(response.statusCode);
  });
  expect(await within('an answer', answer.promise)).toBe(403);
});

test('events: everything at once, the graph each second, all again on a change', async () => {
  const response = await fetch(`${api.url}/api/v1/events`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) text += (await within('an event', reader?.read() ?? Promise.reject())).value ?? '';
  };
  await until(/event: graph\n[\s\S]*event: proxies\n[\s\S]*event: objects\n[\s\S]*event: problems\ndata: .*\n\n/);
  text = '';
  await until(/event: graph\ndata: .*\n\n/);
  expect(text).not.toContain('event: objects');
  const [problem] = mesh.view.problems();
  if (problem === undefined) throw new Error('the fake mesh has problems');
  mesh.change({ ...problem, message: 'a new one' });
  await until(/event: problems\ndata: .*a new one.*\n\n/);
  await reader?.cancel();
});
