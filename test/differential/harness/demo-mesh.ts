// The demo mesh on a data plane of choice, with ports and state of its own: the real control plane, applications and proxies.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProxiesResponse, ProxyStatus } from '../../../src/api/types.ts';
import { freePorts } from '../../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

export type DataPlane = 'tulle' | 'envoy';

/** The port that the demo's Gateway and visitors name. */
const GATEWAY_PORT = 8080;

type Listener = {
  readonly address: { readonly socket_address: { readonly port_value: number } };
};

export class DemoMesh implements AsyncDisposable {
  readonly gatewayPort: number;
  readonly #api: string;
  readonly #folder: string;
  readonly #process: TestProcess;

  private constructor(gatewayPort: number, api: string, folder: string, started: TestProcess) {
    this.gatewayPort = gatewayPort;
    this.#api = api;
    this.#folder = folder;
    this.#process = started;
  }

  /** Resolves when the applications are ready and every proxy runs what it was sent, or has refused it. */
  static async start(dataPlane: DataPlane, envoy: string): Promise<DemoMesh> {
    const folder = mkdtempSync(join(tmpdir(), `tulle-demo-${dataPlane}-`));
    const [gateway, api, xds] = (await freePorts(3)) as [number, number, number];
    cpSync(join(repositoryRoot, 'demo'), join(folder, 'demo'), { recursive: true });
    moveGateway(join(folder, 'demo/manifests'), gateway);
    const options = ['--port', String(api), '--xds-port', String(xds), '--state', join(folder, 'state')];
    const started = await TestProcess.start({
      command: pinnedNode,
      args: [
        join(repositoryRoot, 'src/bin/tulle.ts'),
        'up',
        '--no-dashboard',
        ...['-f', join(folder, 'demo/manifests'), '--data-plane', dataPlane, ...options],
      ],
      env: { TULLE_ENVOY: envoy },
    });
    const mesh = new DemoMesh(gateway, `http://127.0.0.1:${api}/api/v1`, folder, started);
    try {
      await waitFor('every proxy in sync', () => mesh.#inSync(), { deadline: 60_000, every: 200 });
      await waitFor('an answer through the gateway', () => mesh.#answers(), { deadline: 30_000, every: 200 });
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw new Error(`the demo on ${dataPlane} did not come up:\n${started.output}`, { cause: error });
    }
    return mesh;
  }

  async proxies(): Promise<readonly ProxyStatus[]> {
    return ((await this.#get('/proxies')) as ProxiesResponse).proxies;
  }

  /** The port where the proxy of the first replica of a workload takes requests for any service, as an HTTP proxy. */
  async forwardPort(workload: string): Promise<number> {
    const proxy = (await this.proxies()).find((one) => one.workload === workload);
    if (proxy === undefined) throw new Error(`no proxy of ${workload}`);
    const dump = await (await fetch(`http://${proxy.admin}/config_dump`)).json();
    const found = listenersOf(dump).find((listener) => JSON.stringify(listener).includes('"outbound_proxy"'));
    if (found === undefined) throw new Error(`${proxy.name} has no forward proxy`);
    return found.address.socket_address.port_value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop(10_000);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #inSync(): Promise<boolean> {
    if (this.#process.exitCode !== null) throw new Error('tulle up ended');
    if (!this.#process.output.includes('ready in')) return false;
    const proxies = await this.proxies();
    const states = proxies.flatMap(({ sync }) => sync.map(({ state }) => state));
    return proxies.length > 0 && proxies.every(({ connected }) => connected) && !states.includes('pending');
  }

  async #answers(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.gatewayPort}/`)).ok;
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#api}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

function moveGateway(manifests: string, port: number): void {
  for (const name of readdirSync(manifests)) {
    const file = join(manifests, name);
    const text = readFileSync(file, 'utf8');
    const moved = text
      .replaceAll(`127.0.0.1:${GATEWAY_PORT}`, `127.0.0.1:${port}`)
      .replace(`port: ${GATEWAY_PORT}\n      protocol: HTTP`, `port: ${port}\n      protocol: HTTP`);
    if (moved !== text) writeFileSync(file, moved);
  }
}

/** Every listener of a config dump that came over xDS. */
function listenersOf(dump: unknown): Listener[] {
  const { configs } = dump as { configs: { dynamic_listeners?: { active_state?: { listener: Listener } }[] }[] };
  return configs
    .flatMap(({ dynamic_listeners }) => dynamic_listeners ?? [])
    .flatMap(({ active_state }) => (active_state === undefined ? [] : [active_state.listener]));
}
