// What a proxy starts with: its bootstrap, its join token and the mesh's root, written into the state folder; and its command.
import { join } from 'node:path';
import { encodeBootstrap } from '../encode/bootstrap.ts';
import type { JoinTokens } from '../identity/tokens.ts';
import { nodeId } from '../mesh/names.ts';
import type { Address, Labels } from '../model/service.ts';
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
  if (owner.dataPlane === 'tulle') return [join(bin, 'proxy.ts'), '-c', bootstrapFile];
  const { control, rootFile, state, envoy } = around;
  const agent = [
    ...['--ca', `${control.host}:${control.port}`],
    ...['--root', rootFile],
    ...['--token', tokenFile],
    ...['--identity', owner.identity],
    ...['--socket', state.socket(`${owner.name}.${owner.namespace}`)],
  ];
  const child = [envoy ?? 'envoy', '-c', bootstrapFile, '--concurrency', '1', '--log-level', 'warning'];
  return [join(bin, 'agent.ts'), ...agent, '--', ...child, '--use-dynamic-base-id', '--disable-hot-restart'];
}
