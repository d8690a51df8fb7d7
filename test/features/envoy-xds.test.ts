// Real Envoy against our ADS server and our agent's SDS: it must accept every resource of a small hand-built snapshot, serve by
// it, take changes without a failed request, and keep going while the control plane is away.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBootstrap } from '../../src/encode/bootstrap.ts';
import { CertificateAuthority } from '../../src/identity/ca.ts';
import { certificateService } from '../../src/identity/service.ts';
import { JoinTokens } from '../../src/identity/tokens.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { SpiffeId } from '../../src/model/units.ts';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { pushOrder } from '../../src/xds/resource.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { findEnvoy } from '../support/envoy.ts';
import { handBuiltSnapshot } from '../support/hand-built-snapshot.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

const envoy = findEnvoy();
if (envoy === null) console.warn('skipped: no envoy here (hint: node scripts/envoy.ts)');

const NODE = 'sidecar~127.0.0.1~web-1.shop~shop.svc.cluster.local';
const identity = 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId;
const quiet = { info: () => undefined, warn: () => undefined };

describe.skipIf(envoy === null)('envoy', () => {
  const cache = new SnapshotCache();
  const nacks: string[] = [];
  let folder: string;
  let server: XdsServer;
  let proxy: TestProcess;
  let listenerPort = 0;
  let adminPort = 0;
  let xdsPort = 0;
  const upstreams = ['one', 'two'].map((name) => createServer((_, response) => response.end(name)));
  let makeServer: () => Promise<XdsServer>;

  const ports = () => upstreams.map((upstream) => (upstream.address() as AddressInfo).port);
  const set = (upstream: 'one' | 'two', version: string) =>
    cache.setSnapshot(
      NODE,
      handBuiltSnapshot({ listenerPort, upstream, upstreamPort: ports()[upstream === 'one' ? 0 : 1] ?? 0, version }),
    );
  const ask = async () => (await fetch(`http://127.0.0.1:${listenerPort}/`)).text();
  const settled = (version: string) => () =>
    pushOrder.slice(0, 4).every((type) => {
      const acked = cache.status(NODE)?.types.get(type)?.acked;
      return [...(cache.snapshot(NODE)?.resources.get(type)?.values() ?? [])].every(
        (resource) => acked?.get(resource.name)?.version === version,
      );
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tulle-envoy-'));
    [listenerPort = 0, adminPort = 0, xdsPort = 0] = await freePorts(3);
    for (const upstream of upstreams) await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
    // Lives for five seconds: several renewals happen while the test runs.
    const authority = await CertificateAuthority.open(folder, {
      trustDomain: 'cluster.local',
      clock: systemClock,
      lifetime: 16_000,
    });
    const tokens = await JoinTokens.open(join(folder, 'join-tokens.json'));
    const control = 'spiffe://cluster.local/ns/tulle-system/sa/control' as SpiffeId;
    makeServer = async () => {
      const issued = await authority.issueServer(['127.0.0.1'], control);
      const made = new XdsServer({
        cache,
        address: `127.0.0.1:${xdsPort}`,
        security: { kind: 'mtls', identity: { ...issued, roots: authority.root } },
        authorize: (node, peer) =>
          peer?.uris.includes(identity) && peer.instance === 'web-1.shop'
            ? { ok: true, nodeId: node.id }
            : { ok: false, reason: `${peer?.uris.join()} is not ${node.id}` },
        log: quiet,
        services: [certificateService({ authority, tokens, log: quiet, onIssued: () => undefined })],
      });
      await made.listen();
      return made;
    };
    cache.onStatus((node) => {
      for (const [type, status] of cache.status(node)?.types ?? []) {
        if (status.lastNack !== null) nacks.push(`${type}: ${status.lastNack.detail}`);
      }
    });
    set('one', '1');
    server = await makeServer();
    const bootstrap = encodeBootstrap({
      node: { id: NODE, name: 'web-1', namespace: 'shop', serviceAccount: 'web', workload: 'web', labels: {} },
      admin: { host: '127.0.0.1', port: adminPort },
      xds: { host: '127.0.0.1', port: xdsPort },
      trustDomain: 'cluster.local',
      roots: { kind: 'sds' },
      secretSocket: join(folder, 'sds.sock'),
      agent: null,
    } as Parameters<typeof encodeBootstrap>[0]);
    const files = {
      bootstrap: join(folder, 'envoy.json'),
      root: join(folder, 'root.pem'),
      token: join(folder, 'token'),
    };
    await writeFile(files.bootstrap, JSON.stringify(bootstrap));
    await writeFile(files.root, authority.root);
    await writeFile(files.token, await tokens.issue({ identity, instance: 'web-1.shop' }), { mode: 0o600 });
    const agentFlags = ['--ca', `127.0.0.1:${xdsPort}`, '--root', files.root, '--token', files.token];
    const envoyFlags = [
      '-c',
      files.bootstrap,
      '--base-id',
      String(xdsPort),
      '--log-level',
      'warn',
      '--concurrency',
      '1',
    ];
    proxy = await TestProcess.start({
      command: pinnedNode,
      args: [
        ...['src/bin/agent.ts', ...agentFlags, '--identity', identity, '--socket', join(folder, 'sds.sock')],
        ...['--', envoy ?? '', ...envoyFlags],
      ],
      deadline: 30_000,
      ready: async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => null))?.status === 200,
    });
  });

  afterAll(async () => {
    await proxy?.stop();
    server?.close();
    for (const upstream of upstreams) upstream.close();
    await rm(folder, { recursive: true });
  });

  it('acknowledges every resource and serves by them', async () => {
    await waitFor('acknowledgement of everything', settled('1'));
    expect(await ask()).toBe('one');
    expect(cache.status(NODE)?.client).toMatchObject({ name: 'envoy' });
    expect(cache.applied('origin')).toMatchObject({ proxies: 1, applied: 1, rejected: 0 });
  });

  it('moves to another cluster without a failed request, and lets go of the old one', async () => {
    const answers = new Set<string>();
    let moving = true;
    const asking = (async () => {
      while (moving) answers.add(await ask());
    })();
    set('two', '2');
    await waitFor('acknowledgement of the change', settled('2'));
    await waitFor('the answer of the new upstream', async () => (await ask()) === 'two');
    moving = false;
    await asking;
    expect([...answers].sort()).toEqual(['one', 'two']);
    await waitFor('removal of the old cluster', async () => {
      const clusters = await (await fetch(`http://127.0.0.1:${adminPort}/clusters`)).text();
      return !clusters.includes('upstream-one::');
    });
  });

  it('takes a cluster that changes without hanging in warming', async () => {
    set('two', '3');
    await waitFor('acknowledgement of the changed cluster', settled('3'));
    expect(await ask()).toBe('two');
  });

  it('serves while the control plane is away, and with a renewed certificate comes back for what changed', async () => {
    const certificateOf = async () => {
      const { certificates } = (await (await fetch(`http://127.0.0.1:${adminPort}/certs`)).json()) as {
        certificates: { cert_chain: { serial_number: string }[] }[];
      };
      return certificates.flatMap(({ cert_chain }) => cert_chain.map(({ serial_number }) => serial_number)).join();
    };
    const before = await certificateOf();
    await waitFor('a renewed certificate', async () => (await certificateOf()) !== before, { deadline: 30_000 });
    server.close();
    expect(await ask()).toBe('two');
    set('one', '4');
    server = await makeServer();
    await waitFor('the change that was made meanwhile', async () => (await ask()) === 'one', { deadline: 20_000 });
  }, 40_000);

  it('refused nothing in all this', () => {
    expect(nacks).toEqual([]);
  });

  it('ends with its parent', async () => {
    expect(await proxy.stop(30_000)).toBe(0);
    await expect(fetch(`http://127.0.0.1:${adminPort}/ready`)).rejects.toThrow();
  });
});
