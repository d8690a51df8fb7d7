// The sockets that a listener accepts from: one per address.
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { ListenerConfig } from '../config/types.ts';
import { duplicate, setSocketOptions } from '../system/sockets.ts';
import { bindPlace, optionsFor, placesOf } from './bind.ts';
import { listenError } from './listen-error.ts';
import type { ListenerSharing } from './sharing.ts';
import type { Place } from './traits.ts';

export type SocketsOwner = {
  /** Paused: nothing has been read. */
  onConnection(socket: Socket): void;
  /** After it was opened. */
  onError(error: Error): void;
};

type Target = ListenOptions | { readonly fd: number };

export class ListeningSockets {
  /** In the order of the listener's addresses. */
  readonly #servers: Server[] = [];
  readonly #sharing: ListenerSharing | null;
  readonly #owner: SocketsOwner;

  constructor(sharing: ListenerSharing | null, owner: SocketsOwner) {
    this.#sharing = sharing;
    this.#owner = owner;
  }

  /** In the order of the listener's addresses; 0 where that is a Unix socket. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  }

  /** Rejects, with nothing open, when one of the addresses cannot be listened on. */
  async open(config: ListenerConfig): Promise<void> {
    try {
      for (const [at, place] of placesOf(config).entries()) this.#servers.push(await this.#bind(config, place, at));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  #bind(config: ListenerConfig, { address, port }: Place, at: number): Promise<Server> {
    const { name, backlog } = config;
    const sharing = this.#sharing;
    const place = { address, port: port || (sharing?.portsOf(name)[at] ?? 0) };
    const shared = sharing?.socketsOf(name)[at] ?? null;
    const target = () => (shared === null ? targetOf(config, place, sharing !== null) : { fd: duplicate(shared) });
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(name, place, error)));
      server.listen({ ...target(), backlog }, () => {
        setSocketOptions(server, optionsFor(config, place, 'listening'));
        server.removeAllListeners('error');
        server.on('error', (error) => this.#owner.onError(error));
        resolve(server);
      });
      server.on('connection', (socket) => this.#owner.onConnection(socket));
    });
  }
}

/** A socket with options of its own is bound here. @throws where that is refused. */
function targetOf(config: ListenerConfig, place: Place, reusePort: boolean): Target {
  const { address, port } = place;
  if (address.startsWith('/')) return { path: address };
  const isPlain = optionsFor(config, place, 'before-bind', 'bound').length === 0;
  if (isPlain) return { host: address, port, ipv6Only: !config.dualStack, reusePort };
  return { fd: bindPlace(config, place, reusePort) };
}
