// Names through DNS servers of one's own: the hosts file first, then each completion of the name until there is an answer, as c-ares does.
import { promises as dns, getServers } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { DnsFamily } from '../config/dns.ts';
import type { ServersConfig } from '../config/dns-resolver.ts';
import { choose, isAbsence } from './dns-answers.ts';
import type { Resolve } from './resolver.ts';

type Version = 4 | 6;
type Timed = { readonly address: string; readonly ttl: number };

const HOSTS = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';

export function askServers(config: ServersConfig, random: () => number): Resolve {
  return async (name, family) => {
    if (isIP(name) !== 0) return { addresses: [name], ttl: null };
    const versions = versionsOf(family).filter((version) => !config.routableOnly || isRoutable(version));
    const local = hostsNamed(name, await readText(HOSTS));
    const listed = versions.flatMap((version) => local.filter((address) => isIP(address) === version));
    if (listed.length > 0) return { addresses: pick(listed, family, (address) => address), ttl: null };
    const names = config.completes ? completions(name, await readText(RESOLV_CONF)) : [name];
    const resolver = makeResolver(config, random);
    for (const each of names) {
      const found = pick(await ask(resolver, each, versions), family, ({ address }) => address);
      if (found.length === 0) continue;
      return { addresses: found.map(({ address }) => address), ttl: Math.min(...found.map(({ ttl }) => ttl)) };
    }
    return { addresses: [], ttl: null };
  };
}

/** Lines are an address and its names (hosts(5)). */
export function hostsNamed(name: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return isIP(address) !== 0 && names.includes(name) ? [address] : [];
  });
}

/** What a name may stand for, in the order it is asked for (resolv.conf(5): `search`, `domain`, `ndots`). */
export function completions(name: string, text: string): readonly string[] {
  if (name.endsWith('.')) return [name];
  let domains: readonly string[] = [];
  let enough = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search' || keyword === 'domain') domains = values;
    if (keyword === 'options') enough = dotsOf(values) ?? enough;
  }
  const completed = domains.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return dots >= enough ? [name, ...completed] : [...completed, name];
}

function dotsOf(options: readonly string[]): number | null {
  const option = options.find((one) => /^ndots:\d+$/.test(one));
  return option === undefined ? null : Number(option.slice('ndots:'.length));
}

/** One per question, so that it may begin with another server, and with what the system's are now. */
function makeResolver({ servers, fallback, timeout, tries, rotates }: ServersConfig, random: () => number) {
  const resolver = new dns.Resolver({ ...(timeout !== null && { timeout }), ...(tries !== null && { tries }) });
  const own = servers.map(({ address, port }) => (isIP(address) === 6 ? `[${address}]` : address) + portOf(port));
  const system = getServers();
  const all = own.length === 0 || (fallback && system.length > 0) ? system : own;
  const first = rotates ? Math.floor(random() * all.length) : 0;
  resolver.setServers([...all.slice(first), ...all.slice(0, first)]);
  return resolver;
}

function portOf(port: number): string {
  return port === 0 ? '' : `:${port}`;
}

/** Of all versions; rejects where none has an answer, and none is known to have no address. */
async function ask(resolver: dns.Resolver, name: string, versions: readonly Version[]): Promise<Timed[]> {
  const answers = await Promise.allSettled(
    versions.map((version) => askFor(resolver, name, version).catch(noneIfAbsent)),
  );
  const [failed] = answers.filter((answer) => answer.status === 'rejected');
  const given = answers.filter((answer) => answer.status === 'fulfilled').flatMap(({ value }) => value);
  if (failed !== undefined && given.length === 0) throw failed.reason;
  return given;
}

function askFor(resolver: dns.Resolver, name: string, version: Version): Promise<Timed[]> {
  return version === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true });
}

function noneIfAbsent(error: unknown): Timed[] {
  if (isAbsence(error)) return [];
  throw error;
}

function pick<Found>(found: readonly Found[], family: DnsFamily, addressOf: (one: Found) => string): readonly Found[] {
  const of = (version: Version) => found.filter((one) => isIP(addressOf(one)) === version);
  return choose(of(4), of(6), family);
}

function versionsOf(family: DnsFamily): readonly Version[] {
  if (family === 'v4') return [4];
  return family === 'v6' ? [6] : [6, 4];
}

function isRoutable(version: Version): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return addresses.some(({ internal, family }) => !internal && family === `IPv${version}`);
}

/** '' where there is none. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
