// Virtual hosts that come one by one (VHDS): those of a route configuration's own and those that requests asked for by their host make one table.
// A virtual host is named `<route configuration>/<host>`.
import { create, fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../lib/clock.ts';
import type { Rejection, Update, UpdateHandler } from '../../xds/client-type.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { ConfigSource } from '../config/config-source.ts';
import type { RouteTable } from '../route/table.ts';
import type { Applied } from './config-target.ts';
import type { Decoders } from './decoders.ts';
import { firstAnswer, type Subscription } from './subscriptions.ts';

export type VirtualHostsOptions = {
  /** `handle` is the same for all who share the source. */
  readonly open: (source: ConfigSource, handle: UpdateHandler) => Subscription;
  readonly decodeRoutes: Decoders['decodeRoutes'];
  readonly publish: (table: RouteTable) => Applied;
  readonly clock: Clock;
};

type Hosts = ReadonlyMap<string, VirtualHost>;
type Merged = { readonly hosts: Hosts; readonly compiled: RouteTable; readonly rejections: readonly Rejection[] };

/** What a source has sent, also for tables that are not there yet: a stream of its own may be ahead of that of the routes, and sends nothing twice. */
type HostSource = {
  readonly received: Map<string, Update['added'][number]>;
  readonly handle: UpdateHandler;
  tables: number;
};

type Table = {
  routes: RouteConfiguration;
  readonly source: ConfigSource;
  readonly subscription: Subscription;
  hosts: Hosts;
  /** In use: until then its first virtual hosts are waited for. */
  published: boolean;
  /** By the name asked for, who waits for it; null once it has come. */
  readonly wanted: Map<string, Set<() => void> | null>;
};

/** Whatever the server likes to tell of is taken beside what was asked for. */
const ANY = '*';

export class VirtualHosts {
  readonly #options: VirtualHostsOptions;
  readonly #tables = new Map<string, Table>();
  /** By key. */
  readonly #sources = new Map<string, HostSource>();

  constructor(options: VirtualHostsOptions) {
    this.#options = options;
  }

  /** Resolves when the table is in use, which waits for the first virtual hosts. Rejects when they do not go together. */
  async set(routes: RouteConfiguration, source: ConfigSource): Promise<void> {
    const { name } = routes;
    const known = this.#tables.get(name);
    if (known !== undefined && known.source.key !== source.key) this.remove(name);
    const table = this.#tables.get(name) ?? this.#open(name, routes, source);
    if (!table.published) await firstAnswer(table.subscription, source.fetchTimeout, this.#options.clock);
    const compiled = this.#compile(routes, table.hosts);
    table.routes = routes;
    table.published = true;
    await this.#options.publish(compiled);
  }

  remove(name: string): void {
    const table = this.#tables.get(name);
    if (table === undefined) return;
    this.#tables.delete(name);
    table.subscription.close();
    const { key } = table.source;
    const source = this.#sources.get(key);
    if (source !== undefined) source.tables -= 1;
    if (source?.tables === 0) this.#sources.delete(key);
    for (const settles of table.wanted.values()) for (const settle of settles ?? []) settle();
  }

  /** Tables that nobody names any more are let go. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#tables.keys()) if (!names.has(name)) this.remove(name);
  }

  /** See `OnDemand.virtualHost`. */
  request(name: string, host: string, done: () => void): void {
    const table = this.#tables.get(name);
    const alias = `${name}/${host.toLowerCase()}`;
    const waiting = table?.wanted.get(alias);
    if (table === undefined || waiting === null) done();
    else if (waiting !== undefined) waiting.add(done);
    else {
      table.wanted.set(alias, new Set([done]));
      this.#ask(table);
    }
  }

  async #handle(received: HostSource['received'], update: Update): Promise<readonly Rejection[]> {
    for (const name of update.removed) received.delete(name);
    for (const one of update.added) received.set(one.name, one);
    const rejections: Rejection[] = [];
    const names = [...update.added.map(({ name }) => name), ...update.removed];
    for (const name of new Set(names.map(tableOf))) {
      const table = this.#tables.get(name);
      if (table === undefined) continue;
      const added = update.added.filter((one) => tableOf(one.name) === name);
      const removed = update.removed.filter((one) => tableOf(one) === name);
      rejections.push(...(await this.#update(table, { added, removed })));
    }
    for (const { name } of rejections) received.delete(name);
    return rejections;
  }

  async #update(table: Table, { added, removed }: Update): Promise<readonly Rejection[]> {
    const kept = new Map(table.hosts);
    for (const name of removed) kept.delete(name);
    const { hosts, compiled, rejections } = this.#merge(table.routes, kept, added);
    try {
      if (table.published) await this.#options.publish(compiled);
    } catch (error) {
      // It needs clusters that do not exist.
      const detail = String(error instanceof Error ? error.message : error);
      return added.map(({ name }) => ({ name, detail }));
    }
    table.hosts = hosts;
    const present = added.flatMap(({ name, aliases }) => [name, ...aliases]);
    this.#settle(table, present, removed);
    return rejections;
  }

  #merge(routes: RouteConfiguration, kept: Hosts, added: Update['added']): Merged {
    try {
      const hosts = new Map(kept);
      for (const { name, bytes } of added) hosts.set(name, fromBinary(VirtualHostSchema, bytes));
      return { hosts, compiled: this.#compile(routes, hosts), rejections: [] };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const [one, ...others] = added;
      if (one === undefined) throw error;
      if (others.length === 0) {
        return { hosts: kept, compiled: this.#compile(routes, kept), rejections: [{ name: one.name, detail }] };
      }
    }
    // One by one, to know which.
    let merged = this.#merge(routes, kept, []);
    for (const one of added) {
      const next = this.#merge(routes, merged.hosts, [one]);
      merged = { ...next, rejections: [...merged.rejections, ...next.rejections] };
    }
    return merged;
  }

  #settle(table: Table, present: readonly string[], absent: readonly string[]): void {
    for (const [names, mark] of [
      [present, (name: string) => table.wanted.set(name, null)],
      // Asked for again by the next request: names that somebody made up are not kept.
      [absent, (name: string) => table.wanted.delete(name)],
    ] as const) {
      for (const name of names) {
        const settles = table.wanted.get(name);
        if (settles === undefined) continue;
        mark(name);
        for (const settle of settles ?? []) settle();
      }
    }
    if (absent.length > 0) this.#ask(table);
  }

  #open(name: string, routes: RouteConfiguration, source: ConfigSource): Table {
    const from = this.#sources.get(source.key) ?? this.#newSource();
    const early = [...from.received.values()].filter((one) => tableOf(one.name) === name);
    const hosts = new Map(early.map((one) => [one.name, fromBinary(VirtualHostSchema, one.bytes)]));
    const subscription = this.#options.open(source, from.handle);
    this.#sources.set(source.key, from);
    from.tables += 1;
    const table: Table = { routes, source, subscription, hosts, published: false, wanted: new Map() };
    this.#tables.set(name, table);
    this.#ask(table);
    return table;
  }

  #newSource(): HostSource {
    const received: HostSource['received'] = new Map();
    return { received, handle: (update) => this.#handle(received, update), tables: 0 };
  }

  #ask({ subscription, wanted }: Table): void {
    subscription.setNames(new Set([ANY, ...wanted.keys()]));
  }

  #compile(routes: RouteConfiguration, hosts: Hosts): RouteTable {
    const virtualHosts = [...routes.virtualHosts, ...hosts.values()];
    return this.#options.decodeRoutes(create(RouteConfigurationSchema, { ...routes, virtualHosts }));
  }
}

/** A host has no slash, the name of a route configuration may. */
function tableOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/'));
}
