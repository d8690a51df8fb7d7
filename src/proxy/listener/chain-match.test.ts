import { describe, expect, test } from 'vitest';
import { compileCidr } from '../../lib/cidr.ts';
import type { AddressRange, ChainMatch } from '../config/listener-types.ts';
import { chainMatch } from '../testing/configs.ts';
import { matchChain } from './chain-match.ts';
import type { ConnectionTraits } from './traits.ts';

function range(text: string): AddressRange {
  const [address = '', bits] = text.split('/');
  return { text, bits: Number(bits), contains: compileCidr(address, Number(bits))! };
}

const traits = (change: Partial<ConnectionTraits> = {}): ConnectionTraits => ({
  transport: 'tls',
  serverName: 'a.shop.example',
  applicationProtocols: ['h2', 'http/1.1'],
  destination: { address: '10.0.0.9', port: 443 },
  restored: false,
  source: { address: '10.1.2.3', port: 50_000 },
  directSource: { address: '192.168.0.1', port: 40_000 },
  fingerprints: null,
  proxyTlvs: [],
  metadata: null,
  ...change,
});

/** The name of the chain that is chosen. */
function chosen(chains: Readonly<Record<string, Partial<ChainMatch>>>, change: Partial<ConnectionTraits> = {}): string {
  const all = Object.entries(chains).map(([name, match]) => ({ name, config: { match: chainMatch(match) } }));
  return matchChain(all, null, traits(change))?.name ?? 'none';
}

describe('the more specific wins', () => {
  test.each<[string, Readonly<Record<string, Partial<ChainMatch>>>, Partial<ConnectionTraits>]>([
    ['port', { other: {}, right: { destinationPort: 443 } }, {}],
    ['no such port', { other: { destinationPort: 80 }, right: {} }, {}],
    [
      'longer prefix',
      { other: { destinationRanges: [range('10.0.0.0/8')] }, right: { destinationRanges: [range('10.0.0.0/24')] } },
      {},
    ],
    ['exact name', { other: { serverNames: ['*.shop.example'] }, right: { serverNames: ['x', 'a.shop.example'] } }, {}],
    ['longer suffix', { other: { serverNames: ['*.example'] }, right: { serverNames: ['*.shop.example'] } }, {}],
    ['no name', { other: { serverNames: ['*.example'] }, right: {} }, { serverName: '' }],
    ['transport', { other: {}, right: { transport: 'tls' } }, {}],
    ['plain', { other: { transport: 'tls' }, right: { transport: 'raw_buffer' } }, { transport: 'raw_buffer' }],
    [
      "the client's first protocol",
      { other: { applicationProtocols: ['http/1.1'] }, right: { applicationProtocols: ['h2'] } },
      {},
    ],
    ['direct source', { other: {}, right: { directSourceRanges: [range('192.168.0.0/16')] } }, {}],
    ['external', { other: { sourceType: 'local' }, right: { sourceType: 'external' } }, {}],
    [
      'loopback',
      { other: { sourceType: 'external' }, right: { sourceType: 'local' } },
      { source: { address: '127.0.0.1', port: 1 } },
    ],
    [
      'its own address',
      { other: { sourceType: 'external' }, right: { sourceType: 'local' } },
      { source: { address: '10.0.0.9', port: 1 } },
    ],
    [
      'source',
      { other: { sourceRanges: [range('10.1.0.0/16')] }, right: { sourceRanges: [range('10.1.2.0/24')] } },
      {},
    ],
    ['source port', { other: {}, right: { sourcePorts: [1, 50_000] } }, {}],
  ])('%s', (_name, chains, change) => {
    expect(chosen(chains, change)).toBe('right');
  });
});

describe('an earlier criterion is never taken back', () => {
  test.each<[string, Readonly<Record<string, Partial<ChainMatch>>>]>([
    ['port, then name', { a: { destinationPort: 443, serverNames: ['b'] }, b: {} }],
    ['range, then transport', { a: { destinationRanges: [range('10.0.0.0/8')], transport: 'raw_buffer' }, b: {} }],
    ['name, then protocol', { a: { serverNames: ['*.example'], applicationProtocols: ['x'] }, b: {} }],
  ])('%s', (_name, chains) => {
    expect(chosen(chains)).toBe('none');
  });
});
