import { expect, test } from 'vitest';
import type { Fragment } from '../model/fragment.ts';
import { readAll } from '../read/registry.ts';
import { parseFile } from '../sources/document.ts';
import { layOut } from './layout.ts';
import { PortAllocator } from './ports.ts';

const fragmentOf = (text: string): Fragment => readAll(parseFile('/yaml/mesh.yaml', text).objects).fragment;
const newPorts = (): PortAllocator =>
  new PortAllocator('127.0.0.1', { isFree: () => Promise.resolve(true), hold: () => Promise.resolve(() => {}) });
const defaults = { host: '127.0.0.1', trustDomain: 'cluster.local', dataPlane: 'tulle' as const };

const deployment = (name: string, annotations: string, replicas = 1): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, annotations: { ${annotations} } }
spec:
  replicas: ${replicas}
  template:
    metadata: { labels: { app: ${name} } }
    spec: { serviceAccountName: ${name}, containers: [ { name: app, ports: [ { containerPort: 8080 } ] } ] }
---`;

test('a replica has its own application, proxy and identity', async () => {
  const { replicas, problems } = await layOut(
    fragmentOf(deployment('web', 'tulle.dev/command: run me')),
    newPorts(),
    defaults,
  );
  expect(problems).toEqual([]);
  expect(replicas).toHaveLength(1);
  expect(replicas[0]).toMatchObject({
    command: ['run', 'me'],
    cwd: '/yaml',
    admin: { port: 21_003 },
    instance: {
      name: 'web-0',
      workload: 'web',
      identity: 'spiffe://cluster.local/ns/default/sa/web',
      ready: false,
      dataPlane: 'tulle',
      ports: [{ container: 8080, application: { port: 21_001 }, reach: { port: 21_002 } }],
      capture: { forwardProxy: { port: 21_004 }, listeners: [] },
    },
  });
});

test('without a data plane others reach the application itself', async () => {
  const text = deployment('web', 'tulle.dev/command: run, tulle.dev/data-plane: none');
  const [replica] = (await layOut(fragmentOf(text), newPorts(), defaults)).replicas;
  expect(replica).toMatchObject({ admin: null, instance: { dataPlane: 'none', capture: { forwardProxy: null } } });
  expect(replica?.instance.ports[0]?.reach).toEqual(replica?.instance.ports[0]?.application);
});

test('replicas that stay keep their ports when others come and go', async () => {
  const ports = newPorts();
  const text = (replicas: number, others: string) =>
    fragmentOf(deployment('web', 'tulle.dev/command: a', replicas) + others);
  const before = await layOut(text(2, ''), ports, defaults);
  const after = await layOut(text(1, deployment('able', 'tulle.dev/command: b')), ports, defaults);
  const named = (name: string) => (layout: typeof before) =>
    layout.replicas.find((each) => each.instance.name === name);
  expect(after.replicas.map(({ instance }) => instance.name)).toEqual(['able-0', 'web-0']);
  expect(named('web-0')(after)?.instance).toEqual(named('web-0')(before)?.instance);
});

test('input order does not change the layout', async () => {
  const parts = ['a', 'b', 'c'].map((name) => deployment(name, 'tulle.dev/command: x'));
  const names = async (text: string) =>
    (await layOut(fragmentOf(text), newPorts(), defaults)).replicas.map(({ instance }) => [
      instance.name,
      instance.ports,
    ]);
  expect(await names(parts.toReversed().join(''))).toEqual(await names(parts.join('')));
});

test.each([
  ['no command', '', 'has no local command and is not run here', 0],
  ['a broken command', `tulle.dev/command: 'a "b'`, 'annotation tulle.dev/command: a " is not closed', 0],
  [
    'an unknown data plane',
    'tulle.dev/command: a, tulle.dev/data-plane: sail',
    'annotation tulle.dev/data-plane: sail is not run on one machine',
    1,
  ],
])('%s is a problem', async (_, annotations, message, runs) => {
  const { replicas, problems } = await layOut(fragmentOf(deployment('web', annotations)), newPorts(), defaults);
  expect(problems).toEqual([expect.objectContaining({ message, origin: expect.objectContaining({ name: 'web' }) })]);
  expect(replicas).toHaveLength(runs);
});

test('the working directory is relative to the file', async () => {
  const text = deployment('web', 'tulle.dev/command: a, tulle.dev/working-directory: ../apps/web');
  expect((await layOut(fragmentOf(text), newPorts(), defaults)).replicas[0]?.cwd).toBe('/apps/web');
});

test('the mesh says how many threads a proxy has', async () => {
  const text = `
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: { name: web, namespace: default }
spec: { selector: { matchLabels: { app: web } }, concurrency: 2 }
---${deployment('web', 'tulle.dev/command: a')}${deployment('other', 'tulle.dev/command: b')}`;
  const { replicas } = await layOut(fragmentOf(text), newPorts(), defaults);
  expect(replicas.map(({ instance, concurrency }) => [instance.workload, concurrency])).toEqual([
    ['other', null],
    ['web', 2],
  ]);
});
