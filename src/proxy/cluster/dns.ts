// Names through the system: the hosts file first, then DNS, whose answers say how long they hold.
import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { Resolve } from './resolver.ts';

type Family = Parameters<Resolve>[1];
type Timed = { readonly address: string; readonly ttl: number };

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

async function lookUp(name: string, family: Family): Promise<string[]> {
  const found: LookupAddress[] = await dns.lookup(name, { all: true, order: 'verbatim' });
  const of = (version: 4 | 6) => found.filter((one) => one.family === version).map(({ address }) => address);
  return choose(of(4), of(6), family);
}

/** Which of the two kinds of addresses are wanted, and in what order. */
export function choose<Address>(four: readonly Address[], six: readonly Address[], family: Family): Address[] {
  switch (family) {
    case 'v4':
      return [...four];
    case 'v6':
      return [...six];
    case 'auto':
      return six.length > 0 ? [...six] : [...four];
    case 'v4-preferred':
      return four.length > 0 ? [...four] : [...six];
    default:
      return interleave(six, four);
  }
}

/** One of each kind in turn, the first kind first (RFC 8305, section 4). */
function interleave<Address>(first: readonly Address[], second: readonly Address[]): Address[] {
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}
