// Transparent capture, with real redirects by nftables in a network namespace made for it: needs root, `unshare`, `ip` and `nft`.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { findEnvoy } from '../support/envoy.ts';
import { pinnedNode } from '../support/process.ts';
import { envoySubject, type Subject, tulleSubject } from './harness/stand.ts';

const envoy = findEnvoy();
const ADMIN = 15_000;
const CATCH = 15_001;

/** Everything to ports 80 to 89 is redirected. */
const setUp = [
  'ip link set lo up',
  'ip address add 10.9.9.8/32 dev lo',
  'ip address add 10.9.9.9/32 dev lo',
  'nft add table ip capture',
  'nft "add chain ip capture out { type nat hook output priority -100; }"',
  `nft add rule ip capture out tcp dport 80-89 redirect to :${CATCH}`,
].join(' && ');

const can = spawnSync('unshare', ['-n', 'sh', '-c', setUp]).status === 0;
if (!can)
  console.log('capture is not tested: it needs root, unshare, ip and nft (hint: apt install nftables iproute2)');

const RESPOND = 'type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config';
const address = (ip: string, port: number) => ({ socket_address: { address: ip, port_value: port } });
const says = (text: string, match: object = {}) => ({
  filter_chain_match: match,
  filters: [{ name: 'r', typed_config: { '@type': RESPOND, response: { inline_string: text } } }],
});
const virtual = (name: string, ip: string, port: number) => ({
  name,
  address: address(ip, port),
  bind_to_port: false,
  filter_chains: [says(name)],
});
const bootstrap = JSON.stringify({
  node: { id: 'capture', cluster: 'capture' },
  admin: { address: address('127.0.0.1', ADMIN) },
  static_resources: {
    listeners: [
      {
        name: 'catch',
        address: address('0.0.0.0', CATCH),
        use_original_dst: true,
        filter_chains: [says('caught'), says('by port', { destination_port: 82 })],
      },
      virtual('exact', '10.9.9.9', 80),
      virtual('wildcard', '0.0.0.0', 81),
      virtual('more exact', '10.9.9.9', 81),
    ],
  },
});

async function captured(subject: Subject): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-capture-'));
  try {
    const config = join(folder, 'bootstrap.json');
    writeFileSync(config, bootstrap);
    const inside = join(import.meta.dirname, 'harness/capture.ts');
    const asked = ['10.9.9.9:80', '10.9.9.8:80', '10.9.9.8:81', '10.9.9.9:81', '10.9.9.8:82', `127.0.0.1:${CATCH}`];
    const args = [inside, JSON.stringify(subject.command(config)), String(ADMIN), asked.join(',')];
    const script = `${setUp} && exec "$0" "$@"`;
    const { stdout } = await promisify(execFile)('unshare', ['-n', 'sh', '-c', script, pinnedNode, ...args], {
      timeout: 30_000,
    });
    return JSON.parse(stdout) as unknown;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const wants = {
  '10.9.9.9:80': 'exact',
  '10.9.9.8:80': 'caught',
  '10.9.9.8:81': 'wildcard',
  '10.9.9.9:81': 'more exact',
  '10.9.9.8:82': 'by port',
  [`127.0.0.1:${CATCH}`]: 'caught',
};

// Where this machine cannot make such a namespace, there is nothing to redirect with.
describe.skipIf(!can)('redirected connections find the listener that was meant', () => {
  test.skipIf(envoy === null)('with Envoy', async () => {
    expect(await captured(envoySubject(envoy!))).toEqual(wants);
  });

  test('with our proxy', async () => {
    expect(await captured(tulleSubject)).toEqual(wants);
  });
});
