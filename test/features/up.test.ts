// `tulle up` as a user runs it: the demo for a while, edited and broken while it runs; and everything that is started also ends.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GraphResponse, ProblemsResponse, ProxiesResponse } from '../../src/api/types.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-up-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Up = { readonly process: TestProcess; readonly api: string; readonly state: string };

let runs = 0;

async function startUp(path: string, args: readonly string[] = []): Promise<Up> {
  const [api, xds] = (await freePorts(2)) as [number, number];
  runs += 1;
  const state = join(folder, `state-${runs}`);
  const options = ['-f', path, '--port', `${api}`, '--xds-port', `${xds}`, '--state', state, ...args];
  const process = await TestProcess.start({
    command: pinnedNode,
    args: [join(repositoryRoot, 'src/bin/tulle.ts'), 'up', ...options],
    env: { NODE_COMPILE_CACHE: join(repositoryRoot, 'node_modules/.cache/tulle') },
  });
  return { process, api: `http://127.0.0.1:${api}`, state };
}

async function ask<T>({ api }: Up, path: string): Promise<T> {
  const response = await fetch(`${api}/api/v1/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}

const untilReady = ({ process }: Up): Promise<unknown> =>
  waitFor(
    'ready',
    () => {
      if (process.exitCode !== null) throw new Error(process.output);
      return process.output.includes('ready in');
    },
    { deadline: 60_000, every: 50 },
  );

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const allGone = (pids: readonly number[]): Promise<unknown> =>
  waitFor('the end of every process', () => pids.length > 0 && !pids.some(isAlive));

async function proxyPids(up: Up): Promise<number[]> {
  const { proxies } = await ask<ProxiesResponse>(up, 'proxies');
  return proxies.map(({ pid }) => pid ?? 0);
}

describe('the demo', () => {
  const demo = join(folder, 'demo');
  const manifests = join(demo, 'manifests');
  const edit = (file: string, change: (text: string) => string): void => {
    const path = join(manifests, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };
  let up: Up;
  let pids: number[] = [];

  beforeAll(async () => {
    cpSync(join(repositoryRoot, 'demo'), demo, { recursive: true });
    const [gateway] = await freePorts(1);
    edit('gateway-api.yaml', (text) => text.replace('port: 8080', `port: ${gateway}`));
    edit('visitors.yaml', (text) => text.replaceAll('127.0.0.1:8080', `127.0.0.1:${gateway}`));
    up = await startUp(manifests);
    await untilReady(up);
    pids = await proxyPids(up);
  }, 90_000);
  afterAll(() => up?.process.stop());

  /** Requests per second from the frontend, over the last so many seconds. */
  async function rateTo(workload: string, seconds = 1): Promise<number> {
    const { edges } = await ask<GraphResponse>(up, `graph?window=${seconds}`);
    return edges.find(({ from, to }) => from === 'shop/frontend' && to === `shop/${workload}`)?.golden.rate ?? 0;
  }

  test('has a proxy for every workload and the gateway, and no problem', async () => {
    expect(pids).toHaveLength(12);
    expect(await ask<ProblemsResponse>(up, 'problems')).toEqual({ problems: [] });
    await waitFor('traffic', async () => (await rateTo('catalog-v1')) > 5);
  });

  test('follows edited weights', async () => {
    const isMostAtV1 = async () => (await rateTo('catalog-v1', 5)) > 2 * (await rateTo('catalog-v2', 5));
    await waitFor('most traffic at v1', isMostAtV1);
    edit('istio.yaml', (text) => text.replace('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 100'));
    // Measured: about a second, most of it the wait for the next round of metrics.
    const shifted = async () => (await rateTo('catalog-v2')) > 5 && (await rateTo('catalog-v1')) === 0;
    await waitFor('all traffic at v2', shifted, { every: 50 });
  }, 90_000);

  test('keeps running what it has when a file breaks, and says where', async () => {
    const before = readFileSync(join(manifests, 'istio.yaml'), 'utf8');
    edit('istio.yaml', (text) => text.replace('subset: v1 }', 'subset: v1'));
    const [problem] = await waitFor('the problem', async () => {
      const { problems } = await ask<ProblemsResponse>(up, 'problems');
      return problems.length > 0 && problems;
    });
    expect(problem).toMatchObject({ severity: 'error', code: 'syntax' });
    expect(problem?.origin.place?.file).toBe(join(manifests, 'istio.yaml'));
    expect(problem?.origin.place?.line).toBeGreaterThan(10);
    const said = `istio.yaml:${problem?.origin.place?.line}`;
    await waitFor('it to be said in the terminal too', () => up.process.output.includes(said));
    await waitFor('traffic at v2 as before', async () => (await rateTo('catalog-v2')) > 5);
    expect(await rateTo('catalog-v1')).toBe(0);
    writeFileSync(join(manifests, 'istio.yaml'), before);
    await waitFor('no problem', async () => (await ask<ProblemsResponse>(up, 'problems')).problems.length === 0);
  });

  test('for a time: ends by itself, with every request encrypted and none failed, and leaves nothing running', async () => {
    up.process.signal('SIGINT');
    expect(await up.process.exited()).toBe(0);
    await allGone(pids);
    edit('istio.yaml', (text) => text.replace('weight: 100', 'weight: 10').replace('weight: 0', 'weight: 90'));
    up = await startUp(manifests, ['--for', '20', '--json']);
    await untilReady(up);
    pids = await proxyPids(up);
    expect(await up.process.exited(60_000), up.process.output).toBe(0);
    const summary = JSON.parse(up.process.output.trimEnd().split('\n').at(-1) ?? '');
    expect(summary).toMatchObject({
      failed: 0,
      encrypted: summary.requests,
      workloads: 11,
      dialects: ['gateway-api', 'istio', 'kubernetes', 'linkerd', 'smi'],
      dashboard: up.api,
    });
    expect(summary.requests).toBeGreaterThan(500);
    expect(summary.denied).toBeGreaterThan(10);
    await allGone(pids);
  }, 150_000);
});

describe('a mesh of one', () => {
  /** Prints its environment and does nothing more. */
  const idle = `["node", "-e", "console.log(JSON.stringify({ ...process.env, pid: process.pid })); setInterval(() => {}, 1000)"]`;
  const deployment = (name: string, command: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, annotations: { tulle.dev/command: '${command}' } }
spec:
  template:
    metadata: { labels: { app: ${name} } }
    spec: { serviceAccountName: ${name}, containers: [ { name: app, ports: [ { containerPort: 8080 } ] } ] }
---
`;
  const service = (name: string): string =>
    `{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { selector: { app: ${name} }, ports: [ { name: http, port: 80, targetPort: 8080 } ] } }`;

  function writeMesh(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'mesh.yaml'), text);
    return path;
  }

  const client = deployment('client', idle).replace('ports: [ { containerPort: 8080 } ]', 'env: []');

  async function clientEnvironment({ state }: Up): Promise<Record<string, string>> {
    const log = join(state, 'logs/client-0.default.log');
    return waitFor('the environment', () => JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>);
  }

  async function startClient(
    name: string,
  ): Promise<{ up: Up; path: string; env: Record<string, string>; pids: number[] }> {
    const path = writeMesh(name, client);
    const up = await startUp(path);
    await untilReady(up);
    const env = await clientEnvironment(up);
    return { up, path, env, pids: [Number(env.pid), ...(await proxyPids(up))] };
  }

  test('takes in what is added while it runs, lets go of what is removed, and ends on Ctrl-C', async () => {
    const { up, path, env, pids } = await startClient('growing');
    const ask80 = (): Promise<number> => throughProxy(env.HTTP_PROXY ?? '', 'http://late/');
    expect(await ask80()).toBe(404);
    const app = `node ${join(repositoryRoot, 'demo/app.ts')}`;
    writeFileSync(join(path, 'late.yaml'), deployment('late', app) + service('late'));
    await waitFor('the new service', async () => (await ask80()) === 200);
    const grown = await proxyPids(up);
    expect(grown).toEqual(expect.arrayContaining(pids.slice(1)));
    rmSync(join(path, 'late.yaml'));
    await waitFor('its end', async () => (await ask80()) === 404);
    await allGone(grown.filter((pid) => !pids.includes(pid)));
    expect(pids.every(isAlive)).toBe(true);
    up.process.signal('SIGINT');
    expect(await up.process.exited()).toBe(0);
    await allGone(pids);
  }, 90_000);

  test('leaves nothing running when it is killed', async () => {
    const { up, pids } = await startClient('killed');
    up.process.signal('SIGKILL');
    await allGone(pids);
  }, 90_000);

  test('names a taken port and what wanted it, and starts nothing', async () => {
    const gateway = (port: number): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: door }
spec: { gatewayClassName: tulle, listeners: [ { name: web, port: ${port}, protocol: HTTP } ] }
---
`;
    const { up, path } = await startClient('taken');
    const port = Number(new URL(up.api).port);
    const second = await startUp(writeMesh('second', gateway(port) + client));
    expect(await second.process.exited()).toBe(1);
    expect(second.process.output).toContain(
      `port ${port}, which is for listener web of Gateway default/door, is taken`,
    );
    const third = await startUp(path, ['--port', `${port}`]);
    expect(await third.process.exited()).toBe(1);
    expect(third.process.output).toContain(`port ${port}, which is for the dashboard and API, is taken`);
    await up.process.stop();
  }, 90_000);
});

/** The status of a request that goes through an HTTP proxy; 0 when the proxy does not answer. */
function throughProxy(proxy: string, url: string): Promise<number> {
  const { hostname, port } = new URL(proxy);
  return new Promise((resolve) => {
    const asked = request({ host: hostname, port, path: url, headers: { host: new URL(url).host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', () => resolve(0)).end();
  });
}
