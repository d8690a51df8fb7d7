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

type Family = {
  readonly name: string;
  /** The addresses that connections are made to, the wildcard, and loopback. */
  readonly addresses: readonly [near: string, far: string];
  readonly any: string;
  readonly loopback: string;
  /** Everything to ports 80 to 89 is redirected. */
  readonly setUp: string;
};

const family = (
  name: string,
  table: string,
  [near, far]: readonly [string, string],
  any: string,
  loopback: string,
): Family => ({
  name,
  addresses: [near, far],
  any,
  loopback,
  setUp: [
    'ip link set lo up',
    `ip address add ${near}/${any === '::' ? 128 : 32} dev lo`,
    `ip address add ${far}/${any === '::' ? 128 : 32} dev lo`,
    `nft add table ${table} capture`,
    `nft "add chain ${table} capture out { type nat hook output priority -100; }"`,
    `nft add rule ${table} capture out tcp dport 80-89 redirect to :${CATCH}`,
  ].join(' && '),
});

const families = [
  family('IPv4', 'ip', ['10.9.9.8', '10.9.9.9'], '0.0.0.0', '127.0.0.1'),
  family('IPv6', 'ip6', ['fd00:9::8', 'fd00:9::9'], '::', '::1'),
];

const can = ({ setUp }: Family) => spawnSync('unshare', ['-n', 'sh', '-c', setUp]).status === 0;

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
const bootstrap = ({ addresses: [, far], any }: Family) =>
  JSON.stringify({
    node: { id: 'capture', cluster: 'capture' },
    admin: { address: address('127.0.0.1', ADMIN) },
    static_resources: {
      listeners: [
        {
          name: 'catch',
          address: address(any, CATCH),
          use_original_dst: true,
          filter_chains: [says('caught'), says('by port', { destination_port: 82 })],
        },
        virtual('exact', far, 80),
        virtual('wildcard', any, 81),
        virtual('more exact', far, 81),
      ],
    },
  });

/** Who answers where. */
const wantsOf = ({ addresses: [near, far], loopback }: Family): Readonly<Record<string, string>> => ({
  [`${far}:80`]: 'exact',
  [`${near}:80`]: 'caught',
  [`${near}:81`]: 'wildcard',
  [`${far}:81`]: 'more exact',
  [`${near}:82`]: 'by port',
  [`${loopback}:${CATCH}`]: 'caught',
});

async function captured(subject: Subject, one: Family): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-capture-'));
  try {
    const config = join(folder, 'bootstrap.json');
    writeFileSync(config, bootstrap(one));
    const inside = join(import.meta.dirname, 'harness/capture.ts');
    const asked = Object.keys(wantsOf(one)).join(',');
    const args = [inside, JSON.stringify(subject.command(config)), String(ADMIN), asked];
    const script = `${one.setUp} && exec "$0" "$@"`;
    const { stdout } = await promisify(execFile)('unshare', ['-n', 'sh', '-c', script, pinnedNode, ...args], {
      timeout: 50_000,
    });
    return JSON.parse(stdout) as unknown;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A proxy may take long to start on a busy machine. */
const PATIENCE = { timeout: 60_000 };

// Where this machine cannot make such a namespace, there is nothing to redirect with.
describe.each(families)('redirected connections of $name find the listener that was meant', (one) => {
  const possible = can(one);
  if (!possible)
    console.log(
      `capture of ${one.name} is not tested: it needs root, unshare, ip and nft (hint: apt install nftables iproute2)`,
    );

  test.skipIf(!possible || envoy === null)('with Envoy', PATIENCE, async () => {
    expect(await captured(envoySubject(envoy!), one)).toEqual(wantsOf(one));
  });

  test.skipIf(!possible)('with our proxy', PATIENCE, async () => {
    expect(await captured(tulleSubject, one)).toEqual(wantsOf(one));
  });

  test.skipIf(!possible)('with two workers of our proxy', PATIENCE, async () => {
    const two: Subject = {
      ...tulleSubject,
      command: (config) => [...tulleSubject.command(config), '--concurrency', '2'],
    };
    expect(await captured(two, one)).toEqual(wantsOf(one));
  });
});
