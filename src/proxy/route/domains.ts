// Which virtual host an authority belongs to: exact, then `*.suffix` with the longest first, then `prefix.*` with the
// longest first, then `*` (Envoy's VirtualHost.domains).
import { ConfigError } from '../config/config-error.ts';

/** Wildcards of one length, longest first in their list. */
type Wildcards<Host> = { readonly length: number; readonly hosts: Map<string, Host> };

export class DomainTable<Host> {
  readonly #exact = new Map<string, Host>();
  readonly #suffixes: Wildcards<Host>[] = [];
  readonly #prefixes: Wildcards<Host>[] = [];
  readonly #ignorePort: boolean;
  #anyone: Host | null = null;
  /** What was found last: requests of one connection mostly name one authority. */
  #last: string | null = null;
  #lastHost: Host | null = null;

  constructor(ignorePort: boolean) {
    this.#ignorePort = ignorePort;
  }

  /** Throws ConfigError when the domain is malformed or taken. */
  add(domain: string, host: Host, path: string): void {
    this.#last = null;
    const lower = domain.toLowerCase();
    if (lower === '') throw new ConfigError(path, 'is empty');
    if (lower === '*') {
      if (this.#anyone !== null) throw duplicate(domain, path);
      this.#anyone = host;
    } else if (lower.startsWith('*')) addWildcard(this.#suffixes, lower.slice(1), host, path);
    else if (lower.endsWith('*')) addWildcard(this.#prefixes, lower.slice(0, -1), host, path);
    else if (this.#exact.has(lower)) throw duplicate(domain, path);
    else this.#exact.set(lower, host);
  }

  /** The host of every request, where there is but one for all; else null. */
  get only(): Host | null {
    return this.#exact.size + this.#suffixes.length + this.#prefixes.length === 0 ? this.#anyone : null;
  }

  find(authority: string): Host | null {
    if (authority === this.#last) return this.#lastHost;
    this.#lastHost = this.#find(authority);
    this.#last = authority;
    return this.#lastHost;
  }

  #find(authority: string): Host | null {
    const host = this.#ignorePort ? withoutPort(authority) : authority;
    // Nearly every authority is a lower-case exact name.
    return this.#exact.get(host) ?? this.#search(host.toLowerCase());
  }

  #search(host: string): Host | null {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    // A wildcard stands for at least one character.
    for (const { length, hosts } of this.#suffixes) {
      const found = host.length > length ? hosts.get(host.slice(-length)) : undefined;
      if (found !== undefined) return found;
    }
    for (const { length, hosts } of this.#prefixes) {
      const found = host.length > length ? hosts.get(host.slice(0, length)) : undefined;
      if (found !== undefined) return found;
    }
    return this.#anyone;
  }
}

function addWildcard<Host>(list: Wildcards<Host>[], rest: string, host: Host, path: string): void {
  if (rest.includes('*')) throw new ConfigError(path, 'has more than one *');
  let group = list.find(({ length }) => length === rest.length);
  if (!group) {
    group = { length: rest.length, hosts: new Map() };
    list.push(group);
    list.sort((a, b) => b.length - a.length);
  }
  if (group.hosts.has(rest)) throw duplicate(rest, path);
  group.hosts.set(rest, host);
}

function duplicate(domain: string, path: string): ConfigError {
  return new ConfigError(path, `${domain} is the domain of another virtual host already`);
}

/** `host:80` → `host`, `[::1]:80` → `[::1]`. */
function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return authority;
  const isPort = /^\d+$/.test(authority.slice(colon + 1));
  const isBareIpv6 = authority.indexOf(':') !== colon && !authority.startsWith('[');
  return isPort && !isBareIpv6 ? authority.slice(0, colon) : authority;
}
