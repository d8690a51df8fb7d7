// What a proxy starts with: its bootstrap, its join token and the mesh's root, written into the state folder; and its command.
import { join } from 'node:path';
import { encodeBootstrap } from '../encode/bootstrap.ts';
import { encodeGrpcBootstrap } from '../encode/grpc-bootstrap.ts';
import type { JoinTokens } from '../identity/tokens.ts';
import { proxyFlags } from '../lib/proxy-flags.ts';
import { nodeId } from '../mesh/names.ts';
import type { Address, Instance, Labels } from '../model/service.ts';
import type { SpiffeId } from '../model/units.ts';
import type { StateFolder } from './state-folder.ts';
import type { ProcessSpec } from './supervised-process.ts';

export type ProxyOwner = {
  readonly kind: 'sidecar' | 'gateway';
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly identity: SpiffeId;
  readonly dataPlane: 'tulle' | 'envoy';
  readonly admin: Address;
  /** Threads that carry traffic, 0 for one per core; null: one. */
  readonly concurrency: number | null;
};

export type ProxySurroundings = {
  readonly state: StateFolder;
  readonly tokens: JoinTokens;
  readonly trustDomain: string;
  /** Of the control plane: xDS and the CA. */
  readonly control: Address;
  /** File with the mesh's root certificate. */
  readonly rootFile: string;
  /** Path of the Envoy binary; null when there is none. */
  readonly envoy: string | null;
  /** Path of Tulle's proxy: the bundle, or null for its sources. */
  readonly proxy: string | null;
  /** Serves the node's configuration on the Unix socket; again and again is the same as once. */
  readonly serveNode: (nodeId: string, socket: string) => Promise<void>;
  /** Given to every process. */
  readonly env: Readonly<Record<string, string>>;
};

const bin = join(import.meta.dirname, '..', 'bin');

export const proxyNodeId = ({ kind, admin, name, namespace }: ProxyOwner): string =>
  nodeId(kind, admin.host, name, namespace);

/** Writes the files. A join token that is still good stays; another one of the same instance becomes void. */
export async function prepareProxy(owner: ProxyOwner, around: ProxySurroundings): Promise<ProcessSpec> {
  const { state, tokens } = around;
  const file = `${owner.name}.${owner.namespace}`;
  const held = (await state.readToken(file)).trim();
  const isGood = tokens.redeem(held)?.instance === file && tokens.redeem(held)?.identity === owner.identity;
  const token = isGood ? held : await tokens.issue({ identity: owner.identity, instance: file });
  const tokenFile = await state.writeToken(file, token);
  const bootstrap = bootstrapFor(owner, around, tokenFile);
  const bootstrapFile = await state.writeProxyFile(`${file}.json`, `${JSON.stringify(bootstrap, null, 2)}\n`);
  const name = owner.kind === 'gateway' ? `${owner.name} gateway` : `${owner.name} proxy`;
  return {
    name,
    command: process.execPath,
    args: commandFor(owner, around, { bootstrapFile, tokenFile }),
    cwd: state.path,
    env: around.env,
    logFile: state.logFile(`${file}.proxy`),
  };
}

/** Its port stands for the client in its node id: it has no other address. */
export const grpcNodeId = ({ name, namespace, ports }: Instance): string =>
  nodeId('proxyless', ports[0]?.reach.host ?? '127.0.0.1', name, namespace);

/** Writes the bootstrap of a proxyless gRPC client and has its configuration served; the result is the file. */
export async function prepareGrpcClient(instance: Instance, { state, serveNode }: ProxySurroundings): Promise<string> {
  const { name, namespace, serviceAccount } = instance;
  const id = grpcNodeId(instance);
  const socket = state.socket(`${name}.${namespace}`);
  await serveNode(id, socket);
  const bootstrap = encodeGrpcBootstrap({ nodeId: id, namespace, serviceAccount, socket });
  return state.writeProxyFile(`${name}.${namespace}.grpc.json`, `${JSON.stringify(bootstrap, null, 2)}\n`);
}

function bootstrapFor(owner: ProxyOwner, around: ProxySurroundings, tokenFile: string) {
  const { control, rootFile, trustDomain, state } = around;
  const { name, namespace, serviceAccount, workload, labels, admin } = owner;
  return encodeBootstrap({
    node: { id: proxyNodeId(owner), name, namespace, serviceAccount, workload, labels },
    admin,
    xds: control,
    trustDomain,
    roots: { kind: 'file', path: rootFile },
    secretSocket: state.socket(`${name}.${namespace}`),
    agent: owner.dataPlane === 'tulle' ? { ca: control, rootFile, tokenFile } : null,
  });
}

type Files = { readonly bootstrapFile: string; readonly tokenFile: string };

function commandFor(owner: ProxyOwner, around: ProxySurroundings, { bootstrapFile, tokenFile }: Files): string[] {
  const { concurrency } = owner;
  if (owner.dataPlane === 'tulle') {
    const threads = concurrency === null ? [] : ['--concurrency', String(concurrency)];
    return [...proxyFlags, around.proxy ?? join(bin, 'proxy.ts'), '-c', bootstrapFile, ...threads];
  }
  const { control, rootFile, state, envoy } = around;
  const agent = [
    ...['--ca', `${control.host}:${control.port}`],
    ...['--root', rootFile],
    ...['--token', tokenFile],
    ...['--identity', owner.identity],
    ...['--socket', state.socket(`${owner.name}.${owner.namespace}`)],
  ];
  // Envoy's own default is one for each core.
  const threads = concurrency === 0 ? [] : ['--concurrency', String(concurrency ?? 1)];
  const child = [envoy ?? 'envoy', '-c', bootstrapFile, ...threads, '--log-level', 'warning'];
  return [join(bin, 'agent.ts'), ...agent, '--', ...child, '--use-dynamic-base-id', '--disable-hot-restart'];
}
