// The proxy under a control plane that others wrote: the test programme of go-control-plane, the library that many control planes of Envoy are made
// with. It serves snapshots one after another and asks through every listener of each; what starts Envoy there starts the proxy here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, freePortRun, freePorts } from '../support/ports.ts';
import { pinnedNode, proxyProgram, TestProcess } from '../support/process.ts';
import { findTool } from '../support/tool.ts';

const controlPlane = findTool('go-control-plane');
const folder = mkdtempSync(join(tmpdir(), 'tulle-go-control-plane-'));
const MESSAGE = 'an answer';
const LAYERS = ['runtime-0', 'runtime-1'];

let upstream: Server;
let upstreamPort: number;
beforeAll(async () => {
  upstreamPort = await freePort();
  upstream = createServer((_, response) => response.end(MESSAGE));
  await new Promise<void>((resolve) => upstream.listen(upstreamPort, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.close();
  rmSync(folder, { recursive: true });
});

type Mode = 'ads' | 'delta-ads' | 'xds' | 'delta';

describe.skipIf(controlPlane === null)('go-control-plane', () => {
  // One after the other: its client gives a request 100 ms, the handshake of TLS and all.
  it.each<[mode: Mode, options: string[]]>([
    ['ads', []],
    ['ads', ['-tls']],
    ['ads', ['-mux']],
    ['delta-ads', []],
    ['delta-ads', ['-tls']],
    ['xds', []],
    ['xds', ['-tls']],
    ['delta', []],
    ['delta', ['-tls']],
  ])(
    '%s %j',
    async (mode, options) => {
      const [xds = 0, log = 0, gateway = 0, admin = 0] = await freePorts(4);
      const ports = { port: xds, als: log, gateway, upstream: upstreamPort, base: await freePortRun(8) };
      const places = Object.entries(ports).flatMap(([name, port]) => [`-${name}`, String(port)]);
      // Scoped routes are refused.
      const contents = [
        ...['-scopedhttp', '0', '-runtimes', String(LAYERS.length), '-message', MESSAGE],
        ...['-u', '3', '-r', '20', '-delay', '120ms'],
      ];
      const file = join(folder, `${mode}${options.join('')}.json`);
      writeFileSync(file, JSON.stringify(bootstrap(mode, { xds, log, admin })));
      await using server = await TestProcess.start({
        command: controlPlane!,
        args: ['-xds', mode, ...places, ...contents, ...options],
      });
      await using _proxy = await TestProcess.start({
        command: pinnedNode,
        args: [proxyProgram, '-c', file, '--drain-time-s', '1', '-l', 'debug'],
      });
      const code = await server.exited(80_000);
      expect(server.output).toContain(`Test for ${mode} passed!`);
      expect(code).toBe(0);
    },
    90_000,
  );
});

function bootstrap(mode: Mode, ports: { readonly xds: number; readonly log: number; readonly admin: number }): object {
  const grpc = {
    api_type: mode.startsWith('delta') ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: 'xds_cluster' } }],
    set_node_on_first_message_only: true,
  };
  const overAds = mode.endsWith('ads');
  const source = { resource_api_version: 'V3', ...(overAds ? { ads: {} } : { api_config_source: grpc }) };
  return {
    node: { id: 'test-id', cluster: 'test-cluster' },
    admin: { access_log_path: '/dev/null', address: address(ports.admin) },
    layered_runtime: { layers: LAYERS.map((name) => ({ name, rtds_layer: { name, rtds_config: source } })) },
    dynamic_resources: { cds_config: source, lds_config: source, ...(overAds && { ads_config: grpc }) },
    static_resources: { clusters: [cluster('xds_cluster', ports.xds), cluster('als_cluster', ports.log)] },
  };
}

function cluster(name: string, port: number): object {
  return {
    ...{ name, connect_timeout: '20s', http2_protocol_options: {} },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
