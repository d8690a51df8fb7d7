// The access logs of a listener: a line for each of its connections when it is over, also of those that came to no filter chain.
import type { Socket } from 'node:net';
import type { Exchange } from '../http/exchange.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { TerminalServices } from './terminal.ts';

export class ConnectionLog {
  readonly #logs: readonly AccessLog[];
  readonly #services: TerminalServices;

  private constructor(logs: readonly AccessLog[], services: TerminalServices) {
    this.#logs = logs.map((log) => log.open?.(services) ?? log);
    this.#services = services;
  }

  /** null: nothing is written. */
  static open(logs: readonly AccessLog[], services: TerminalServices): ConnectionLog | null {
    return logs.length === 0 ? null : new ConnectionLog(logs, services);
  }

  /** Writes when the connection is closed. */
  follow(socket: Socket, record: Exchange): void {
    socket.once('close', () => this.write(record));
  }

  write(record: Exchange): void {
    for (const log of this.#logs) log.write(record, this.#services.clock.now());
  }
}
