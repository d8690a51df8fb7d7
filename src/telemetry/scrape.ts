// Asks every proxy for its metrics once a second and records what came back as one round. A proxy that does not answer is left out of it.
import { get } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import type { FlowReader, FlowReading } from './flow.ts';
import type { TelemetryStore } from './store.ts';

export type ScrapeTarget = {
  /** Unique; a proxy that restarts keeps it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly reader: FlowReader;
};

export type ScrapeOptions = {
  /** Asked before each round. */
  readonly targets: () => readonly ScrapeTarget[];
  readonly store: TelemetryStore;
  readonly clock: Clock;
  /** Called after each round. */
  readonly onRound: () => void;
};

/** Milliseconds between rounds, and that one answer may take. */
const INTERVAL = 1_000;
const TIMEOUT = 900;
const MAX_BYTES = 16 * 1024 * 1024;
const CONCURRENCY = 8;

export class Scraper {
  readonly #options: ScrapeOptions;
  #errors = new Map<string, string>();
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(options: ScrapeOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  /** Why the proxy's metrics could not be read in the last round; '' when they could. */
  error(name: string): string {
    return this.#errors.get(name) ?? '';
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** One round; never rejects. */
  async round(): Promise<void> {
    const { targets, store, clock, onRound } = this.#options;
    const readings = new Map<string, readonly FlowReading[]>();
    const errors = new Map<string, string>();
    const waiting = [...targets()];
    const next = async (): Promise<void> => {
      for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
        const result = await scrape(target);
        if (typeof result === 'string') errors.set(target.name, result);
        else readings.set(target.name, result);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, next));
    if (this.#closed) return;
    this.#errors = errors;
    store.record(clock.epoch(), readings);
    onRound();
  }

  #schedule(delay: number): void {
    const { clock } = this.#options;
    this.#cancel = clock.after(delay, () => {
      const begun = clock.now();
      void this.round().then(() => {
        if (!this.#closed) this.#schedule(Math.max(0, INTERVAL - (clock.now() - begun)));
      });
    });
  }
}

/** The readings, or why there are none. */
async function scrape({ host, port, reader }: ScrapeTarget): Promise<readonly FlowReading[] | string> {
  try {
    const { readings, fault } = reader.read(await fetchText(host, port, reader.path));
    return fault === null ? readings : `line ${fault.line} of its metrics: ${fault.reason}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The body of a 200 answer; rejects on anything else, when it takes too long or is too long. */
function fetchText(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT);
    const request = get({ host, port, path, signal, headers: { connection: 'close' } }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      if (response.statusCode !== 200) request.destroy(new Error(`metrics answered ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BYTES) request.destroy(new Error(`metrics are longer than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', reject);
    });
    request.on('error', (error) => reject(signal.aborted ? new Error(`no metrics within ${TIMEOUT} ms`) : error));
  });
}
