import { expect, test } from 'vitest';
import type { ProxyPlan } from '../mesh/plan.ts';
import { authorizeNode, type NodeClaim } from './node-authorization.ts';

const id = 'sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local';
const identity = 'spiffe://cluster.local/ns/shop/sa/web';
const plans = [{ proxy: { id, identity } }] as unknown as ProxyPlan[];
const good: NodeClaim = {
  node: { id, metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'web' } },
  peerSpiffeIds: [identity],
  instance: 'web-0.shop',
};

test('a proxy whose certificate, node and plan agree is let in', () => {
  expect(authorizeNode(good, 'cluster.local', plans)).toEqual({ ok: true, nodeId: id });
});

const other = 'sidecar~127.0.0.1~cart-0.shop~shop.svc.cluster.local';
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

test.each<[name: string, claim: Partial<NodeClaim>, reason: string]>([
  ['no identity in the certificate', { peerSpiffeIds: [] }, 'names no single SPIFFE id'],
  ['two identities in the certificate', { peerSpiffeIds: [identity, cart] }, 'names no single SPIFFE id'],
  [
    'metadata of another account',
    { node: { id, metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'cart' } } },
    `the certificate is that of ${identity}, the node metadata says ${cart}`,
  ],
  ['no metadata', { node: { id } }, 'the node metadata says spiffe://cluster.local/ns/undefined/sa/undefined'],
  [
    'metadata that is no text',
    { node: { id, metadata: { NAMESPACE: ['shop'], SERVICE_ACCOUNT: 'x' } } },
    'the node metadata says',
  ],
  [
    'a certificate of another trust domain',
    { peerSpiffeIds: ['spiffe://evil/ns/shop/sa/web'] },
    'the certificate is that of spiffe://evil',
  ],
  [
    'another instance of the same account',
    { instance: 'web-1.shop' },
    `the certificate was issued to web-1.shop, not to node ${id}`,
  ],
  ['a node id of no form', { node: { ...good.node, id: 'web-0.shop' } }, 'not to node web-0.shop'],
  [
    'an instance that is not of this mesh',
    { node: { ...good.node, id: other }, instance: 'cart-0.shop' },
    `no instance of this mesh has the node id ${other}`,
  ],
])('%s is refused', (_, claim, reason) => {
  const answer = authorizeNode({ ...good, ...claim }, 'cluster.local', plans);
  expect(answer).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
});

test('a certificate that claims a name the plan gives to another is refused', () => {
  const taken = [{ proxy: { id, identity: cart } }] as unknown as ProxyPlan[];
  expect(authorizeNode(good, 'cluster.local', taken)).toEqual({
    ok: false,
    reason: `${id} is ${cart}, not ${identity}`,
  });
});
