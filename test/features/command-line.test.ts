// The proxy is started as Envoy is started: by the same options.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pinnedNode, proxyProgram, TestProcess } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-command-line-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bootstrap = join(folder, 'bootstrap.yaml');
const address = '{ socket_address: { address: 127.0.0.1, port_value: 0 } }';
writeFileSync(bootstrap, `{ node: { id: file, cluster: web }, admin: { address: ${address} } }`);

async function run(...options: string[]): Promise<{ readonly code: number; readonly output: string }> {
  await using proxy = await TestProcess.start({ command: pinnedNode, args: [proxyProgram, ...options] });
  const code = await proxy.exited();
  return { code, output: proxy.output };
}

test("what Istio's agent gives to Envoy starts it", async () => {
  const place = join(folder, 'admin');
  const text =
    '{ static_resources: { clusters: [{ name: one, type: STATIC, load_assignment: { cluster_name: one } }] } }';
  await using _proxy = await TestProcess.start({
    command: pinnedNode,
    args: [
      ...[proxyProgram, '-c', bootstrap, '--config-yaml', text, '--admin-address-path', place],
      ...['--drain-time-s', '45', '--drain-strategy', 'immediate', '--disable-hot-restart', '--skip-deprecated-logs'],
      ...['--service-node', 'sidecar~1', '--service-zone', 'a', '--stats-tag', 'pod:web-1', '-l', 'warning'],
    ],
    ready: () => existsSync(place) && readFileSync(place, 'utf8') !== '',
  });
  const admin = readFileSync(place, 'utf8');
  expect(admin).toMatch(/^127\.0\.0\.1:\d+$/);
  const read = async (path: string) => (await fetch(`http://${admin}${path}`)).text();
  expect(JSON.parse(await read('/server_info')).node).toMatchObject({ id: 'sidecar~1', cluster: 'web' });
  expect(await read('/clusters')).toContain('one::');
  expect(await read('/stats/prometheus')).toContain('envoy_server_live{pod="web-1"}');
});

test('admin answers what it is allowed to', async () => {
  const place = join(folder, 'allowed');
  const text = `{ admin: { address: ${address}, allow_paths: [{ exact: /ready }, { prefix: /stats }] } }`;
  await using _proxy = await TestProcess.start({
    command: pinnedNode,
    args: [proxyProgram, '--config-yaml', text, '--admin-address-path', place],
    ready: () => existsSync(place) && readFileSync(place, 'utf8') !== '',
  });
  const statuses = await Promise.all(
    ['/ready', '/stats?format=json', '/quitquitquit', '/config_dump', '/'].map(async (path) => {
      const response = await fetch(`http://${readFileSync(place, 'utf8')}${path}`);
      return [path, response.status, response.status === 403 ? await response.text() : ''];
    }),
  );
  expect(statuses).toEqual([
    ['/ready', 200, ''],
    ['/stats?format=json', 200, ''],
    ...['/quitquitquit', '/config_dump', '/'].map((path) => [path, 403, `request to path ${path} not allowed`]),
  ]);
});

test('a configuration is validated without a start', async () => {
  expect(await run('--mode', 'validate', '-c', bootstrap)).toEqual({
    code: 0,
    output: `configuration '${bootstrap}' OK\n`,
  });
  const faulty = '{ static_resources: { clusters: [{ name: a }], listeners: [{ name: b }] } }';
  const { code, output } = await run('--mode', 'validate', '--config-yaml', faulty);
  expect(code).toBe(1);
  expect(output.trimEnd().split('\n')).toEqual([
    'static_resources.clusters[0]: load_assignment: is required',
    'static_resources.listeners[0]: address: has no socket_address',
  ]);
});

test.each([
  [[], /nothing to start from \(hint: --config-path FILE or --config-yaml TEXT\)/],
  [['-c', bootstrap, '-l', 'loud'], /'loud' is invalid. It is none of trace, debug/],
  [['-c', bootstrap, '--mode', 'chaos'], /'chaos' is invalid. Allowed choices are serve, validate/],
  [['-c', bootstrap, '--concurrency', '1.5'], /'1.5' is invalid. It is no number of threads \(hint: 2, or 0/],
  [['-c', bootstrap, '--drain-time-s', 'soon'], /'soon' is invalid. It is no number of seconds/],
  [['-c', bootstrap, '--file-flush-interval-msec', 'never'], /'never' is invalid. It is no number of milliseconds/],
  [['-c', bootstrap, '--restart-epoch', '1'], /unknown option '--restart-epoch'/],
  [['-c', bootstrap, '--stats-tag', 'pod'], /--stats-tag pod: must be a name and a value \(hint: name:value\)/],
])('refuses %j', async (options, reason) => {
  const { code, output } = await run(...options);
  expect(code).toBe(1);
  expect(output).toMatch(reason);
});
