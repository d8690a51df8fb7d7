// Load for tests of faults: kept-alive HTTP/1 connections that ask at a steady rate, however long answers take, and count what comes back.
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export type LoadOptions = {
  readonly port: number;
  /** At first: where a rate is due and all are busy, there are more. */
  readonly connections: number;
  /** Requests per second over all connections; 0 is as many as there is time for. */
  readonly rate: number;
  readonly tls?: ConnectionOptions;
};

/** A request that was sent and got no whole answer is lost; one that was answered other than 200 has failed. */
export type LoadReport = {
  sent: number;
  answered: number;
  failed: number;
  lost: number;
  readonly statuses: Set<number>;
};

const REQUEST = 'GET /load HTTP/1.1\r\nhost: load.test\r\n\r\n';
const TICK = 5;
/** More than circuit breakers let through (1,024) is refused, and that is no fault of the proxy: on a busy machine what is due waits here. */
const MOST_CONNECTIONS = 1_000;
const LAST_ANSWER = 60_000;

export class Load {
  readonly report: LoadReport = { sent: 0, answered: 0, failed: 0, lost: 0, statuses: new Set() };
  readonly #options: LoadOptions;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  #timer: NodeJS.Timeout | null = null;
  #started = 0;
  /** Requests that are due and wait for a connection to open. */
  #waiting = 0;
  #stopping = false;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): this {
    for (let i = 0; i < this.#options.connections; i++) this.#connect();
    const { rate } = this.#options;
    if (rate > 0) this.#timer = setInterval(() => this.#askDue(rate, performance.now()), TICK);
    this.#started = performance.now();
    return this;
  }

  /** Resolves when what was due is answered or lost. */
  async stop(): Promise<LoadReport> {
    this.#stopping = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    const { rate } = this.#options;
    const stopped = performance.now();
    while (performance.now() < stopped + LAST_ANSWER) {
      const isAsked = rate === 0 || this.#askDue(rate, stopped);
      if (isAsked && this.#waiting === 0 && ![...this.#open].some((one) => one.busy)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const one of this.#open) one.close();
    return this.report;
  }

  /** Asks what was due until then since the start, also after a moment in which nothing could be asked; whether that is all. */
  #askDue(rate: number, until: number): boolean {
    const due = Math.floor((rate * (until - this.#started)) / 1000);
    while (this.report.sent + this.#waiting < due) {
      const connection = this.#idle.shift();
      if (connection !== undefined) this.#ask(connection);
      else if (this.#open.size < MOST_CONNECTIONS) {
        this.#waiting += 1;
        this.#connect();
      } else return false;
    }
    return true;
  }

  #ask(connection: Connection): void {
    this.report.sent += 1;
    connection.ask();
  }

  #connect(): void {
    const connection: Connection = new Connection(this.#options, {
      idle: () => {
        if (this.#waiting > 0) {
          this.#waiting -= 1;
          this.#ask(connection);
        } else if (this.#options.rate === 0 && !this.#stopping) this.#ask(connection);
        else this.#idle.push(connection);
      },
      answered: (status) => {
        this.report.statuses.add(status);
        if (status === 200) this.report.answered += 1;
        else this.report.failed += 1;
      },
      gone: (busy) => {
        this.#open.delete(connection);
        const at = this.#idle.indexOf(connection);
        if (at >= 0) this.#idle.splice(at, 1);
        if (busy) this.report.lost += 1;
        if (!this.#stopping || this.#waiting > 0) this.#connect();
      },
    });
    this.#open.add(connection);
  }
}

type Owner = { idle(): void; answered(status: number): void; gone(busy: boolean): void };

class Connection {
  busy = false;
  readonly #socket: Socket;
  readonly #owner: Owner;
  #held = '';

  constructor({ port, tls }: LoadOptions, owner: Owner) {
    this.#owner = owner;
    const host = '127.0.0.1';
    this.#socket = tls === undefined ? connect({ port, host }) : connectTls({ ...tls, port, host });
    this.#socket.setNoDelay(true);
    this.#socket.once(tls === undefined ? 'connect' : 'secureConnect', () => owner.idle());
    this.#socket.on('data', (bytes) => this.#receive(bytes.toString('latin1')));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('end', () => this.#socket.destroy());
    this.#socket.once('close', () => owner.gone(this.busy));
  }

  ask(): void {
    this.busy = true;
    this.#socket.write(REQUEST);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#held += text;
    const end = this.#held.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#held.slice(0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    if (this.#held.length < end + 4 + length) return;
    this.#held = '';
    this.busy = false;
    this.#owner.answered(Number(head.slice(9, 12)));
    if (/^connection: close$/im.test(head)) this.#socket.destroy();
    else this.#owner.idle();
  }
}
