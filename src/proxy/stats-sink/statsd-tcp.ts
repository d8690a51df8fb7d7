// The statsd protocol over a connection to a cluster, a line for each figure. What is due while there is no connection waits for it, within a limit.
import type { Socket } from 'node:net';
import type { NameTagger } from '../admin/statistic-tags.ts';
import type { StatsSinkConfig } from '../bootstrap/stats-sinks.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { Report, Sink } from './reporter.ts';
import { statsdLines } from './statsd.ts';

type Config = Extract<StatsSinkConfig, { kind: 'statsd-tcp' }>;

/** Bytes that wait for a collector that does not read, before the connection is given up (Envoy's figure). */
const LIMIT = 16 * 1024 * 1024;

export class StatsdTcpSink implements Sink {
  readonly #config: Config;
  readonly #client: Pick<ClusterClient, 'connect'>;
  readonly #tagger: NameTagger;
  #socket: Socket | null = null;
  /** Ends the connection, or the attempt; null without either. */
  #end: (() => void) | null = null;
  #waiting = '';

  constructor(config: Config, client: Pick<ClusterClient, 'connect'>, tagger: NameTagger) {
    this.#config = config;
    this.#client = client;
    this.#tagger = tagger;
  }

  send(report: Report): void {
    let text = this.#waiting;
    for (const line of statsdLines(report, this.#config.prefix, this.#tagger, false)) text += `${line}\n`;
    this.#waiting = '';
    if (this.#socket === null) {
      this.#waiting = text.length > LIMIT ? '' : text;
      this.#connect();
    } else if (this.#socket.writableLength + text.length > LIMIT) this.#end?.();
    else this.#socket.write(text, 'latin1');
  }

  close(): void {
    this.#end?.();
  }

  #connect(): void {
    if (this.#end !== null) return;
    let over = false;
    const end = this.#client.connect(this.#config.cluster, {
      onConnected: (socket) => {
        this.#socket = socket;
        socket.resume();
        if (this.#waiting !== '') socket.write(this.#waiting, 'latin1');
        this.#waiting = '';
      },
      onClosed: () => {
        over = true;
        this.#socket = null;
        this.#end = null;
      },
    });
    if (!over) this.#end = end;
  }
}
