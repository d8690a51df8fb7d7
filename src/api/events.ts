// Server-sent events: every client gets the same frames, made once; a topic whose content did not change is not sent again.
import type { ServerResponse } from 'node:http';
import type { MeshEvents } from './types.ts';

export type Topic = keyof MeshEvents;

/** Makes a topic's content at the time of asking. */
export type TopicSources = { readonly [T in Topic]: () => MeshEvents[T] };

const MAX_CLIENTS = 64;
/** A client that has not read this much is cut off; its browser connects again and gets everything. */
const MAX_BACKLOG = 4 * 1024 * 1024;
/** Graph and proxies change with time, the others with the configuration. */
const TIMED: readonly Topic[] = ['graph', 'proxies'];
const ALL: readonly Topic[] = ['graph', 'proxies', 'objects', 'problems'];

export class EventStream {
  readonly #sources: TopicSources;
  readonly #clients = new Set<ServerResponse>();
  readonly #sent = new Map<Topic, string>();

  constructor(sources: TopicSources) {
    this.#sources = sources;
  }

  /** False: there are too many already, and nothing was written. */
  connect(response: ServerResponse): boolean {
    if (this.#clients.size >= MAX_CLIENTS) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('retry: 1000\n\n');
    for (const topic of ALL) response.write(this.#frame(topic));
    this.#clients.add(response);
    response.on('close', () => this.#clients.delete(response));
    return true;
  }

  /** After a round of telemetry. */
  tick(): void {
    this.#push(TIMED);
  }

  /** After a change of configuration. */
  changed(): void {
    this.#push(ALL);
  }

  close(): void {
    for (const client of this.#clients) client.end();
  }

  #push(topics: readonly Topic[]): void {
    if (this.#clients.size === 0) return;
    for (const topic of topics) {
      const before = this.#sent.get(topic);
      const frame = this.#frame(topic);
      if (frame === before) continue;
      for (const client of this.#clients) this.#write(client, frame);
    }
  }

  #frame(topic: Topic): string {
    const frame = `event: ${topic}\ndata: ${JSON.stringify(this.#sources[topic]())}\n\n`;
    this.#sent.set(topic, frame);
    return frame;
  }

  #write(client: ServerResponse, frame: string): void {
    if (client.writableLength > MAX_BACKLOG) client.destroy();
    else client.write(frame);
  }
}
