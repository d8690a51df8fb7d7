import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findEnvoy } from '../../test/support/envoy.ts';
import { port } from '../model/units.ts';
import { type BootstrapInput, encodeBootstrap } from './bootstrap.ts';

const input: BootstrapInput = {
  node: {
    id: 'sidecar~127.0.0.1~cart-0.shop~shop.svc.cluster.local',
    name: 'cart-0',
    namespace: 'shop',
    serviceAccount: 'cart',
    workload: 'cart',
    labels: { app: 'cart' },
  },
  admin: { host: '127.0.0.1', port: port(15000) },
  xds: { host: '127.0.0.1', port: port(15012) },
  trustDomain: 'cluster.local',
  roots: { kind: 'sds' },
  secretSocket: '/tmp/agent.sock',
  agent: null,
};

test('says who the proxy is and whom it trusts', () => {
  const json = encodeBootstrap(input);
  expect(json).toMatchObject({
    node: {
      id: input.node.id,
      cluster: 'cart.shop',
      metadata: { NAME: 'cart-0', NAMESPACE: 'shop', SERVICE_ACCOUNT: 'cart' },
    },
    dynamic_resources: { ads_config: { api_type: 'DELTA_GRPC' } },
  });
  expect(JSON.stringify(json)).toContain('"exact":"spiffe://cluster.local/ns/tulle-system/sa/control"');
  expect(JSON.stringify(json)).not.toContain('TULLE_AGENT');
});

test('names the agent inside our own proxy', () => {
  const agent = { ca: input.xds, rootFile: '/roots.pem', tokenFile: '/token' };
  expect(encodeBootstrap({ ...input, agent, roots: { kind: 'file', path: '/roots.pem' } })).toMatchObject({
    node: { metadata: { TULLE_AGENT: { ca: '127.0.0.1:15012', rootFile: '/roots.pem', tokenFile: '/token' } } },
  });
});

const envoy = findEnvoy();

test.skipIf(envoy === null)('envoy accepts it (skipped without envoy: node scripts/envoy.ts)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-bootstrap-'));
  try {
    writeFileSync(join(folder, 'bootstrap.json'), JSON.stringify(encodeBootstrap(input)));
    execFileSync(envoy as string, ['--mode', 'validate', '-c', join(folder, 'bootstrap.json')], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
