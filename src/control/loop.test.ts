import { expect, test } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import type { Instance } from '../model/service.ts';
import { port, type SpiffeId } from '../model/units.ts';
import { parseFile } from '../sources/document.ts';
import { SnapshotCache } from '../xds/cache.ts';
import { typeUrl } from '../xds/resource.ts';
import { ControlLoop } from './loop.ts';
import { type Stages, stages } from './stages.ts';

const weights = (v1: number): string => `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [ { name: http, port: 80 } ] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec:
  hosts: [web]
  http: [ { route: [ { destination: { host: web }, weight: ${v1} }, { destination: { host: web, port: { number: 80 } }, weight: ${100 - v1} } ] } ]
`;

const instance = (name: string): Instance => ({
  name,
  namespace: 'shop',
  workload: 'web',
  labels: { app: 'web' },
  serviceAccount: 'web',
  identity: 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId,
  ready: true,
  dataPlane: 'tulle',
  ports: [],
  capture: { listeners: [], forwardProxy: { host: '127.0.0.1', port: port(21_000) } },
});

function startLoop(broken: Partial<Stages> = {}) {
  const clock = new ManualClock();
  const cache = new SnapshotCache(() => clock.epoch());
  const published: string[] = [];
  const errors: object[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) };
  const publisher = {
    setSnapshot: (...[id, snapshot]: Parameters<SnapshotCache['setSnapshot']>) => {
      published.push(id.split('~')[2]!);
      cache.setSnapshot(id, snapshot);
    },
    removeNode: (id: string) => {
      published.push(`-${id.split('~')[2]}`);
      cache.removeNode(id);
    },
    applied: (origin: string) => cache.applied(origin),
  };
  const loop = new ControlLoop({
    stages: { ...stages, ...broken },
    publisher,
    trustDomain: 'cluster.local',
    clock,
    log,
  });
  let runs = 0;
  loop.onChange(() => {
    runs += 1;
  });
  const give = (text: string, file = 'mesh.yaml') => {
    const { objects, problems } = parseFile(file, text);
    loop.setObjects(objects, problems);
  };
  return { loop, clock, cache, published, errors, give, runs: () => runs };
}

const messages = (loop: ControlLoop): string[] => loop.state.problems.map(({ message }) => message);

test('changes close together make one run, on the newest of them', () => {
  const { loop, clock, give, runs, published } = startLoop();
  give(weights(90));
  loop.setInstances([instance('web-0')], []);
  clock.advance(10);
  give(weights(50));
  loop.setInstances([instance('web-0'), instance('web-1')], []);
  clock.advance(9);
  expect(runs()).toBe(0);
  clock.advance(1);
  expect(runs()).toBe(1);
  expect(published).toEqual(['web-0.shop', 'web-1.shop']);
  clock.advance(1000);
  expect(runs()).toBe(1);
});

test('changes that never pause do not hold a run up', () => {
  const { clock, give, runs } = startLoop();
  for (let weight = 1; weight <= 50; weight += 1) {
    give(weights(weight));
    clock.advance(2);
  }
  expect(runs()).toBe(5);
});

test('flush runs what waits at once, and nothing when nothing waits', () => {
  const { loop, clock, give, runs } = startLoop();
  give(weights(90));
  loop.flush();
  loop.flush();
  clock.advance(1000);
  expect(runs()).toBe(1);
});

test('only proxies whose plan changes get a snapshot; those that are gone are removed', () => {
  const { loop, give, published } = startLoop();
  give(weights(90));
  loop.setInstances([instance('web-0'), instance('web-1')], []);
  loop.flush();
  published.length = 0;
  give(weights(90));
  loop.flush();
  expect(published).toEqual([]);
  loop.setInstances([instance('web-0')], []);
  loop.flush();
  expect(published).toEqual(['-web-1.shop']);
  give(weights(50));
  loop.flush();
  expect(published).toEqual(['-web-1.shop', 'web-0.shop']);
});

test('a file that does not parse keeps what it said, and says where it is broken', () => {
  const { loop, give, published } = startLoop();
  give(weights(90));
  loop.setInstances([instance('web-0')], []);
  loop.flush();
  published.length = 0;
  const broken = `${weights(50)}  oops: [`;
  give(broken);
  loop.flush();
  expect(published).toEqual([]);
  expect(loop.state.objects.map(({ kind }) => kind)).toEqual(['Service', 'VirtualService']);
  const [problem] = loop.state.problems;
  expect(problem).toMatchObject({ code: 'syntax', origin: { place: { file: 'mesh.yaml' } } });
  expect(problem?.origin.place?.line).toBeGreaterThan(10);
  give(weights(50));
  loop.flush();
  expect(published).toEqual(['web-0.shop']);
  expect(messages(loop)).toEqual([]);
});

test('a bug in a stage is counted and changes nothing; the next run is a new chance', () => {
  let bug = false;
  const { loop, give, published, errors } = startLoop({
    plan: (input) => {
      if (bug) throw new Error('bug');
      return stages.plan(input);
    },
  });
  give(weights(90));
  loop.setInstances([instance('web-0')], []);
  loop.flush();
  const before = loop.state;
  published.length = 0;
  bug = true;
  give(weights(50));
  loop.flush();
  expect(published).toEqual([]);
  expect(loop.state).toEqual({ ...before, failures: 1 });
  expect(errors).toEqual([expect.objectContaining({ stage: 'plan' })]);
  bug = false;
  give(weights(40));
  loop.flush();
  expect(published).toEqual(['web-0.shop']);
});

test('a proxy that cannot be encoded keeps its snapshot; the others get theirs', () => {
  let bug = false;
  const { loop, give, published, cache } = startLoop({
    encode: (plan) => {
      if (bug && plan.proxy.name === 'web-0') throw new Error('bug');
      return stages.encode(plan);
    },
  });
  give(weights(90));
  loop.setInstances([instance('web-0'), instance('web-1')], []);
  loop.flush();
  published.length = 0;
  bug = true;
  give(weights(50));
  loop.flush();
  expect(published).toEqual(['web-1.shop']);
  const kept = cache.nodes().map((node) => cache.snapshot(node)?.resources.get(typeUrl.routes)?.size);
  expect(kept).toEqual([1, 1]);
});

test('a listener that throws stops neither the loop nor the other listeners', () => {
  const { loop, give, runs, errors } = startLoop();
  loop.onChange(() => {
    throw new Error('bug');
  });
  let heard = 0;
  loop.onChange(() => {
    heard += 1;
  });
  give(weights(90));
  loop.flush();
  expect([runs(), heard, errors.length]).toEqual([1, 1, 1]);
});

test('problems of all stages are sorted by place, each once', () => {
  const { loop, give } = startLoop();
  give(weights(90).replace('hosts: [web]', 'hosts: [web, nowhere]\n  colour: red'));
  const origin = {
    dialect: 'tulle',
    group: '',
    kind: 'File',
    namespace: '',
    name: 'a.yaml',
    path: '',
    place: { file: 'a.yaml', line: 3 },
  } as const;
  const problem = { severity: 'warning', code: 'note', origin, message: 'of whoever runs it', hint: '' } as const;
  loop.setInstances([instance('web-0')], [], [problem, problem]);
  loop.flush();
  const places = loop.state.problems.map(({ origin: { place } }) => `${place?.file}:${place?.line}`);
  expect(messages(loop)[0]).toBe('of whoever runs it');
  expect(places.length).toBeGreaterThan(1);
  expect(places).toEqual(places.toSorted());
});
