// Who is measured: the processes of each contestant, from the client's side on. Envoy and Tulle's proxy get the very same file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { proxyFlags } from '../src/lib/proxy-flags.ts';
import { findEnvoy } from '../test/support/envoy.ts';
import { pinnedNode, repositoryRoot } from '../test/support/process.ts';
import { bootstrapOf, type HopConfig, type HopShape } from './proxy-config.ts';

export type Contestant = { readonly name: string; readonly hops: readonly Hop[] };

/** Writes the configuration of one process and returns the command that starts it; null where it is not installed. */
type Hop = (config: HopConfig) => readonly string[] | null;

/** Envoy first: what it reaches is the measure for the others. */
export function xdsProxies(...shapes: readonly HopShape[]): Contestant[] {
  return [envoy, tulle].map(({ name, command }) => ({
    name,
    hops: shapes.map((shape) => (config) => command(write(config, 'bootstrap.json', bootstrapOf(shape, config)))),
  }));
}

/** For how they start: the command for a bootstrap; also Tulle from its sources. */
export function startingProxies(): {
  readonly name: string;
  readonly command: (config: HopConfig, bootstrap: string) => readonly string[] | null;
}[] {
  const sources = { name: 'tulle, sources', command: program('src/bin/proxy.ts') };
  return [envoy, tulle, sources].map(({ name, command }) => ({
    name,
    command: (config, bootstrap) => command(write(config, 'start.json', bootstrap)),
  }));
}

/** Each with as many threads as there are numbers. */
export function proxiesWithWorkers(shape: HopShape, counts: readonly number[]) {
  return [envoy, tulle].flatMap(({ name, command }) =>
    counts.map((workers) => ({
      name,
      workers,
      command: (config: HopConfig) => command(write(config, 'workers.json', bootstrapOf(shape, config)), workers),
    })),
  );
}

export function nginx(...templates: readonly string[]): Contestant {
  return { name: 'nginx', hops: templates.map((template) => (config) => nginxCommand(fill(template, config))) };
}

export function haproxy(...templates: readonly string[]): Contestant {
  const command = (file: string): readonly string[] | null => {
    const binary = onPath('haproxy');
    return binary === null ? null : [binary, '-db', '-q', '-f', file];
  };
  return { name: 'haproxy', hops: templates.map((template) => (config) => command(fill(template, config))) };
}

/** OpenSSL's own server: what a handshake costs in the library that Node has, without Node. */
export function opensslServer(): Contestant {
  const command = ({ listener, folder }: HopConfig): readonly string[] | null => {
    const binary = onPath('openssl');
    const file = (name: string): string => join(folder, `${name}.pem`);
    const identity = ['-cert', file('server'), '-key', file('server-key'), '-CAfile', file('ca'), '-Verify', '2'];
    return binary === null ? null : [binary, 's_server', '-accept', String(listener), '-tls1_3', '-quiet', ...identity];
  };
  return { name: 'openssl', hops: [command] };
}

export function nginxCommand(config: string): readonly string[] | null {
  const binary = onPath('nginx');
  return binary === null ? null : [binary, '-e', 'stderr', '-c', config];
}

/** Fills the `<name>` holes of a template, a path relative to this folder, and writes it into `values.folder`; returns its path. */
export function fill(template: string, values: HopConfig & Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(import.meta.dirname, template), 'utf8');
  const filled = text.replace(/<(\w+)>/g, (_hole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template}: nothing to fill ${name} with`);
    return String(value);
  });
  return write(values, template.replaceAll('/', '-'), filled);
}

/** The bundle, as `npm start` and a release run it. */
const tulle = { name: 'tulle', command: program('dist/bin/proxy.js') };

const envoy = {
  name: 'envoy',
  command(config: string, workers = 1) {
    const binary = findEnvoy();
    const options = ['--concurrency', String(workers), '--disable-hot-restart', '-l', 'error'];
    return binary === null ? null : [binary, '-c', config, ...options];
  },
};

function program(path: string): (config: string, workers?: number) => readonly string[] {
  const command = [pinnedNode, ...proxyFlags, join(repositoryRoot, path)];
  return (config, workers = 1) => [...command, '-c', config, '--concurrency', String(workers)];
}

function write({ folder, listener }: HopConfig, name: string, text: string): string {
  const path = join(folder, `${listener}-${name}`);
  writeFileSync(path, text);
  return path;
}

/** Debian keeps servers in sbin, which is not on everyone's PATH. */
function onPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}
