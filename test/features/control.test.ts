// `src/bin/control.ts` as an operator runs it: it starts nothing, says what to start, and may be started anew under its proxies.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProxiesResponse } from '../../src/api/types.ts';
import { findEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

/** An entry of processes.json. */
type ProcessEntry = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

const envoy = findEnvoy();
const folder = mkdtempSync(join(tmpdir(), 'tulle-control-'));
const state = join(folder, 'state');
const mesh = join(folder, 'mesh');
const running: TestProcess[] = [];
/** Those of processes.json, by name. */
const started = new Map<string, TestProcess>();
afterAll(async () => {
  await Promise.all(running.map((process) => process.stop()));
  rmSync(folder, { recursive: true });
});

async function start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const process = await TestProcess.start({ command, args, env });
  running.push(process);
  return process;
}

const startControl = (args: readonly string[]): Promise<TestProcess> =>
  start(pinnedNode, [join(repositoryRoot, 'src/bin/control.ts'), ...args]);

const workload = (name: string, dataPlane: string, ports: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop, annotations: { tulle.dev/command: node app.mjs, tulle.dev/data-plane: ${dataPlane} } }
spec:
  template:
    metadata: { labels: { app: ${name} } }
    spec: { serviceAccountName: ${name}, containers: [ { name: app, ports: [ ${ports} ] } ] }
---
`;

const service = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [ { name: http, port: 80, targetPort: 8080 } ] }
---
`;

/** Lets `web` be called by whoever is named. */
const policy = (accounts: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, rules: [ { from: [ { source: { principals: [ ${accounts} ] } } ] } ] }
`;

const principal = (name: string): string => `mesh.example/ns/shop/sa/${name}`;

describe.skipIf(envoy === null)('the control plane by itself', () => {
  let ports: number[] = [];
  let control: TestProcess;

  const options = (): string[] => [
    ...['-f', mesh, '--state', state, '--trust-domain', 'mesh.example', '--no-dashboard'],
    ...['--port', `${ports[0]}`, '--xds-port', `${ports[1]}`],
  ];
  const writePolicy = (...callers: readonly string[]): void =>
    writeFileSync(join(mesh, 'policy.yaml'), policy(callers.map(principal).join(', ')));
  const listed = (): ProcessEntry[] =>
    JSON.parse(readFileSync(join(state, 'processes.json'), 'utf8')) as ProcessEntry[];
  const entry = (name: string): ProcessEntry => listed().find((each) => each.name === name) as ProcessEntry;
  const startListed = async (name: string): Promise<void> => {
    const { command, args, env } = entry(name);
    started.set(name, await start(command, args, env));
  };
  /** What `web` answers the application `name`. */
  const askAs = (name: string): Promise<number> => statusOf(entry(`${name}-0`).env['WEB_URL'] ?? '');

  const proxies = async (): Promise<ProxiesResponse['proxies']> => {
    const answer = await fetch(`http://127.0.0.1:${ports[0]}/api/v1/proxies`);
    return ((await answer.json()) as ProxiesResponse).proxies;
  };

  beforeAll(async () => {
    mkdirSync(mesh);
    ports = await freePorts(2);
    const container = '{ containerPort: 8080 }';
    const workloads = [
      workload('web', 'tulle', container),
      workload('client', 'tulle', ''),
      workload('edge', 'envoy', ''),
    ];
    writeFileSync(join(mesh, 'mesh.yaml'), service + workloads.join(''));
    writePolicy('client', 'edge');
    process.env['TULLE_ENVOY'] = envoy ?? '';
    control = await startControl(options());
    await waitFor('what to start', () => listed().length === 6);
  });

  test('starts nothing, and says what to start: proxies before their applications', () => {
    expect(listed().map(({ name }) => name)).toEqual([
      'client-0 proxy',
      'client-0',
      'edge-0 proxy',
      'edge-0',
      'web-0 proxy',
      'web-0',
    ]);
    expect(Object.keys(entry('web-0').env)).toEqual(expect.arrayContaining(['PORT', 'HTTP_PROXY', 'TULLE_WORKLOAD']));
    expect(readFileSync(join(state, 'processes.json'), 'utf8')).not.toContain('PRIVATE KEY');
  });

  test("Tulle's proxy and Envoy join it, and a request goes through", async () => {
    const { PORT = '0' } = entry('web-0').env;
    const app = `require('http').createServer((_, response) => response.end('web')).listen(${PORT}, '127.0.0.1')`;
    running.push(await TestProcess.start({ command: pinnedNode, args: ['-e', app] }));
    for (const name of ['web-0 proxy', 'client-0 proxy', 'edge-0 proxy']) await startListed(name);
    for (const caller of ['client', 'edge'])
      await waitFor(`an answer for ${caller}`, async () => (await askAs(caller)) === 200);
    expect(
      (await proxies()).map(({ name, dataPlane, connected, identity }) => [name, dataPlane, connected, identity]),
    ).toEqual([
      ['client-0', 'tulle', true, 'spiffe://mesh.example/ns/shop/sa/client'],
      ['edge-0', 'envoy', true, 'spiffe://mesh.example/ns/shop/sa/edge'],
      ['web-0', 'tulle', true, 'spiffe://mesh.example/ns/shop/sa/web'],
    ]);
    expect((await proxies()).every(({ certificateExpires }) => certificateExpires !== null)).toBe(true);
  }, 90_000);

  test('requests go on while it is down; started again it leads the same proxies', async () => {
    const before = listed();
    const token = readFileSync(join(state, 'tokens', 'client-0.shop'), 'utf8');
    expect(await control.stop(30_000)).toBe(0);
    expect(await askAs('client')).toBe(200);
    control = await startControl(options());
    const statuses = new Set<number>();
    await waitFor(
      'it to listen',
      async () => {
        statuses.add(await askAs('client'));
        return control.output.includes('what to start is written');
      },
      { deadline: 60_000 },
    );
    // Both kinds of proxies wait longer from try to try: Envoy up to half a minute.
    await waitFor(
      'its proxies',
      async () => {
        statuses.add(await askAs('client'));
        return (await proxies()).every(({ connected }) => connected);
      },
      { deadline: 60_000 },
    );
    expect([...statuses]).toEqual([200]);
    writePolicy('edge');
    await waitFor('the new policy', async () => (await askAs('client')) === 403);
    expect(await askAs('edge')).toBe(200);
    expect(listed()).toEqual(before);
    expect(readFileSync(join(state, 'tokens', 'client-0.shop'), 'utf8')).toBe(token);
  }, 180_000);

  test('a proxy whose token is from before the restart can still join', async () => {
    await started.get('client-0 proxy')?.stop();
    writePolicy('client', 'edge');
    await startListed('client-0 proxy');
    await waitFor('an answer', async () => (await askAs('client')) === 200);
  }, 90_000);
});

describe('what an operator does wrong', () => {
  const yaml = join(folder, 'wrong');
  beforeAll(() => {
    mkdirSync(yaml);
    writeFileSync(join(yaml, 'mesh.yaml'), service);
  });

  test.each([
    ['no folder named', [], "required option '-f, --file <path>' not specified", 1],
    ['a folder that is not there', ['-f', join(folder, 'nowhere')], 'cannot be read', 1],
    ['a port that is none', ['-f', yaml, '--port', 'x'], 'a port is 0-65535', 1],
    ['a trust domain with a scheme', ['-f', yaml, '--trust-domain', 'spiffe://a'], 'as in cluster.local', 1],
    ['an unknown option', ['-f', yaml, '--colour'], "unknown option '--colour'", 1],
    ['help', ['--help'], 'starts no other process', 0],
  ] as const)('%s is said', async (_, args, message, code) => {
    const process = await startControl([...args, '--state', join(folder, 'state-wrong')]);
    expect(await process.exited()).toBe(code);
    expect(process.output).toContain(message);
    expect(process.output).not.toMatch(/^\s+at /m);
  });

  test('a port that is taken, and a state folder that is in use', async () => {
    const [api = 0, xds = 0, other = 0] = await freePorts(3);
    const first = await startControl([
      '-f',
      yaml,
      '--state',
      join(folder, 'taken'),
      '--port',
      `${api}`,
      '--xds-port',
      `${xds}`,
    ]);
    await waitFor('the first', () => first.output.includes('the control plane listens'));
    const second = await startControl([
      '-f',
      yaml,
      '--state',
      join(folder, 'more'),
      '--port',
      `${other}`,
      '--xds-port',
      `${xds}`,
    ]);
    expect(await second.exited()).toBe(1);
    expect(second.output).toContain(
      `port ${xds}, which is for the control plane, is taken (hint: choose another with --xds-port)`,
    );
    const third = await startControl(['-f', yaml, '--state', join(folder, 'taken'), '--port', '0', '--xds-port', '0']);
    expect(await third.exited()).toBe(1);
    expect(third.output).toContain(`process ${first.pid} runs a mesh with its state in`);
    expect(first.exitCode).toBe(null);
  });
});

/** 0 when nothing answers. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    request(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', () => resolve(0))
      .end();
  });
}
