// Names through the system: the hosts file first, then DNS, whose answers say how long they hold; or through whomever is configured.
import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { unreachable } from '../../lib/unreachable.ts';
import type { DnsResolverConfig } from '../config/dns-resolver.ts';
import { choose } from './dns-answers.ts';
import { askServers } from './name-servers.ts';
import type { Resolve } from './resolver.ts';

type Family = Parameters<Resolve>[1];
type Timed = { readonly address: string; readonly ttl: number };

/** How long an answer of `getaddrinfo` holds, which says nothing of it; in seconds, as in Envoy. */
const LOOKUP_TTL = 60;

export function resolveBy(config: DnsResolverConfig, random: () => number): Resolve {
  switch (config.kind) {
    case 'system':
      return systemResolve;
    case 'getaddrinfo':
      return async (name, family) => ({ addresses: await lookUp(name, family, config.retries), ttl: LOOKUP_TTL });
    case 'servers':
      return askServers(config, random);
    default:
      return unreachable(config);
  }
}

export const systemResolve: Resolve = async (name, family, wantsTtl) => {
  if (isIP(name) !== 0) return { addresses: [name], ttl: null };
  // DNS knows nothing of the hosts file, and the system's lookup nothing of TTLs.
  const [timed, addresses] = await Promise.all([wantsTtl ? askDns(name, family) : [], lookUp(name, family)]);
  const isFromDns = timed.some(({ address }) => addresses.includes(address));
  return { addresses, ttl: isFromDns ? Math.min(...timed.map(({ ttl }) => ttl)) : null };
};

async function askDns(name: string, family: Family): Promise<Timed[]> {
  const ask = (version: 4 | 6): Promise<Timed[]> =>
    (version === 4 ? dns.resolve4(name, { ttl: true }) : dns.resolve6(name, { ttl: true })).catch(() => []);
  const [six, four] = await Promise.all([family === 'v4' ? [] : ask(6), family === 'v6' ? [] : ask(4)]);
  return choose(four, six, family);
}

/** `retries`: so many more, while the system says that it may know later. */
async function lookUp(name: string, family: Family, retries = 0): Promise<string[]> {
  let found: readonly LookupAddress[];
  try {
    found = await dns.lookup(name, { all: true, order: 'verbatim' });
  } catch (error) {
    if (retries === 0 || !isTemporary(error)) throw error;
    return lookUp(name, family, retries - 1);
  }
  const of = (version: 4 | 6) => found.filter((one) => one.family === version).map(({ address }) => address);
  return choose(of(4), of(6), family);
}

function isTemporary(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAI_AGAIN';
}
