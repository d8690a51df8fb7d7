// Layouts run with real processes that stand in for applications; none has a proxy here, test/features/up.test.ts has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../test/support/ports.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { Clock } from '../lib/clock.ts';
import { systemClock } from '../lib/clock.ts';
import { ManualClock } from '../lib/manual-clock.ts';
import type { Fragment } from '../model/fragment.ts';
import { readAll } from '../read/registry.ts';
import { parseFile } from '../sources/document.ts';
import { LocalMesh } from './local-mesh.ts';
import { PortAllocator } from './ports.ts';
import type { ProcessEvent } from './supervised-process.ts';

type Running = Parameters<ConstructorParameters<typeof LocalMesh>[0]['onRunning']>[0];

let folder = '';
let stop: () => Promise<void> = async () => {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-mesh-'));
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const deployment = (name: string, { replicas = 1, colour = 'red' } = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, annotations: { tulle.dev/command: ${name}, tulle.dev/data-plane: none } }
spec:
  replicas: ${replicas}
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [ { name: app, ports: [ { containerPort: 80 } ], env: [ { name: COLOUR, value: ${colour} } ] } ] }
---`;
const service = (name: string): string => `
{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { selector: { app: ${name} }, ports: [ { port: 80 } ] } }
---`;
const fragmentOf = (...parts: string[]): Fragment => readAll(parseFile('mesh.yaml', parts.join('')).objects).fragment;

/** `lazy` workloads never open their port; `broken` ones cannot be prepared. */
function newMesh({
  lazy = [] as string[],
  broken = [] as string[],
  clock = systemClock as Clock,
  isApplied = (): boolean => true,
} = {}) {
  const started: string[] = [];
  const errors: string[] = [];
  let running: Running = { instances: [], gateways: [], proxies: [], problems: [] };
  let ready = 0;
  const onEvent = (event: ProcessEvent): void => {
    if (event.kind === 'started') started.push(event.name);
  };
  const mesh = new LocalMesh({
    ports: new PortAllocator('127.0.0.1', {
      isFree: () => Promise.resolve(true),
      hold: () => Promise.resolve(() => {}),
    }),
    defaults: { host: '127.0.0.1', trustDomain: 'cluster.local', dataPlane: 'tulle' },
    clock,
    supervision: { clock, guard: { watch() {}, forget() {} }, onEvent },
    prepare: {
      async replica({ workload, instance }) {
        if (broken.includes(workload.name)) throw new Error(`no ${workload.name}`);
        const address = { host: '127.0.0.1', port: await freePort() } as (typeof instance.ports)[0]['application'];
        const serve = `require('node:http').createServer().listen(${address.port}, '127.0.0.1')`;
        const script = lazy.includes(workload.name) ? 'setInterval(() => {}, 1000)' : serve;
        const logFile = join(folder, instance.name);
        const spec = { command: process.execPath, args: ['-e', script], cwd: folder, env: {}, logFile };
        return { application: { name: instance.name, ...spec }, proxy: null, admin: null, ports: [address] };
      },
      gateway: () => Promise.reject(new Error('no gateway here')),
    },
    onRunning: (now) => {
      running = now;
    },
    isApplied: () => isApplied(),
    onReady: () => {
      ready += 1;
    },
    onError: (error) => errors.push((error as Error).message),
  });
  stop = () => mesh.stop();
  const readyNames = () => running.instances.filter((each) => each.ready).map(({ name }) => name);
  return { mesh, started, errors, readyNames, readyCalls: () => ready, running: () => running };
}

test('instances are told before anything starts, and become ready with their ports', async () => {
  const { mesh, readyNames, running, readyCalls } = newMesh();
  mesh.apply(fragmentOf(deployment('web', { replicas: 2 }), service('web')));
  await waitFor('instances', () => running().instances.length === 2);
  expect(readyNames()).toEqual([]);
  await waitFor('readiness', () => readyNames().length === 2);
  expect(readyCalls()).toBe(1);
});

test('clients start when everything that is called is ready', async () => {
  const { mesh, started, readyNames } = newMesh();
  mesh.apply(fragmentOf(deployment('able'), deployment('web'), service('web')));
  await waitFor('the client', () => started.includes('able-0'));
  expect(started).toEqual(['web-0', 'able-0']);
  expect(readyNames()).toContain('web-0');
});

test('clients start when every proxy knows where that is', async () => {
  let applied = false;
  const { mesh, started, readyNames, readyCalls } = newMesh({ isApplied: () => applied });
  mesh.apply(fragmentOf(deployment('able'), deployment('web'), service('web')));
  await waitFor('the server', () => readyNames().includes('web-0'));
  mesh.check();
  expect([started, readyCalls()]).toEqual([['web-0'], 0]);
  applied = true;
  mesh.check();
  await waitFor('the client', () => started.includes('able-0'));
  expect(readyCalls()).toBe(1);
});

test('clients do not wait for ever', async () => {
  const clock = new ManualClock();
  const { mesh, started, readyCalls } = newMesh({ lazy: ['web'], clock });
  mesh.apply(fragmentOf(deployment('able'), deployment('web'), service('web')));
  await waitFor('the server', () => started.includes('web-0'));
  clock.advance(9_999);
  expect([started, readyCalls()]).toEqual([['web-0'], 0]);
  clock.advance(1);
  expect([started, readyCalls()]).toEqual([['web-0', 'able-0'], 1]);
});

// The symptom: on a busy machine clients called services that were still starting.
test('patience begins anew whenever something has become ready', async () => {
  const clock = new ManualClock();
  const { mesh, readyNames, readyCalls } = newMesh({ lazy: ['web'], clock });
  mesh.apply(fragmentOf(deployment('able'), deployment('api'), deployment('web'), service('api'), service('web')));
  await waitFor('the one that opens its port', () => {
    clock.advance(2);
    return readyNames().includes('api-0');
  });
  // It was ready up to one step ago.
  clock.advance(9_990);
  expect(readyCalls()).toBe(0);
  clock.advance(10);
  expect(readyCalls()).toBe(1);
});

test('only what changes is started anew', async () => {
  const { mesh, started, running, readyNames } = newMesh();
  const apply = async (...parts: string[]) => {
    started.length = 0;
    mesh.apply(fragmentOf(...parts));
    await waitFor('all', () => readyNames().length === running().instances.length && running().instances.length > 0);
  };
  await apply(deployment('a'), service('a'), deployment('b'), service('b'));
  await apply(deployment('a', { colour: 'blue' }), service('a'), deployment('b'), service('b'), service('c'));
  await waitFor('a', () => started.length > 0);
  expect(started).toEqual(['a-0']);
  started.length = 0;
  mesh.apply(fragmentOf(deployment('b', { replicas: 2 }), service('b')));
  await waitFor('b-1', () => readyNames().includes('b-1'));
  expect(started).toEqual(['b-1']);
  expect(readyNames()).toEqual(['b-0', 'b-1']);
});

test('what cannot be prepared is said, and keeps nothing else from running', async () => {
  const { mesh, errors, readyNames } = newMesh({ broken: ['bad'] });
  mesh.apply(fragmentOf(deployment('bad'), service('bad'), deployment('good'), service('good')));
  await waitFor('the good one', () => readyNames().includes('good-0'));
  expect(errors).toEqual(['no bad']);
});

test('nothing starts after it was stopped', async () => {
  const { mesh, started } = newMesh();
  mesh.apply(fragmentOf(deployment('web'), service('web')));
  const stopped = mesh.stop();
  mesh.apply(fragmentOf(deployment('late'), service('late')));
  await stopped;
  expect(started.filter((name) => name === 'late-0')).toEqual([]);
});
