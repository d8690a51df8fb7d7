// Who is measured, and the command that starts each. Envoy and Tulle's proxy get the very same file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findEnvoy } from '../../test/support/envoy.ts';
import { pinnedNode, repositoryRoot } from '../../test/support/process.ts';

export type Contestant = {
  readonly name: string;
  /** Template of its configuration for a role, beside this file. */
  template(role: Role): string;
  /** null where it is not installed. */
  command(config: string): readonly string[] | null;
};

/** `plain` is one hop; the other two are the ends of a mutual TLS hop. */
export type Role = 'plain' | 'mtls-client' | 'mtls-server';

const proxy = join(repositoryRoot, 'src/bin/proxy.ts');

export const contestants: readonly Contestant[] = [
  {
    name: 'tulle',
    template: (role) => `${role}.yaml`,
    command: (config) => [pinnedNode, proxy, '-c', config],
  },
  {
    name: 'envoy',
    template: (role) => `${role}.yaml`,
    command(config) {
      const envoy = findEnvoy();
      return envoy === null
        ? null
        : [envoy, '-c', config, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
    },
  },
  {
    name: 'nginx',
    template: (role) => `nginx-${role}.conf`,
    command: nginxCommand,
  },
  {
    name: 'haproxy',
    template: (role) => `haproxy-${role}.cfg`,
    command(config) {
      const haproxy = onPath('haproxy');
      return haproxy === null ? null : [haproxy, '-db', '-q', '-f', config];
    },
  },
];

export function nginxCommand(config: string): readonly string[] | null {
  const nginx = onPath('nginx');
  return nginx === null ? null : [nginx, '-e', 'stderr', '-c', config];
}

/** Fills `<name>` holes of a template and writes the file into the folder `values.folder`; returns its path. */
export function writeConfig(template: string, values: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(import.meta.dirname, template), 'utf8');
  const path = join(String(values.folder), `${values.listener}-${template}`);
  const filled = text.replace(/<(\w+)>/g, (_hole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template}: nothing to fill ${name} with`);
    return String(value);
  });
  writeFileSync(path, filled);
  return path;
}

/** Debian keeps servers in sbin, which is not on everyone's PATH. */
function onPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}
