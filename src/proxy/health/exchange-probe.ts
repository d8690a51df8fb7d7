// What HTTP and gRPC probes have in common: one request through a pool that belongs to the probe.
import type { Pool, PoolWaiter } from '../cluster/pool.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ClientSession, ClientStream, ClientStreamHandler } from '../http/stream.ts';
import { type Probe, type ProbeResult, UNREACHED } from './probe.ts';

/** What is asked, and how an answer is judged. */
export type Question = {
  head(): RequestHead;
  /** null: no body. */
  readonly body: Buffer | null;
  /** Bytes of the answer that are kept for `judge`. */
  readonly bodyLimit: number;
  judge(head: ResponseHead, body: Buffer, trailers: HeaderMap | null): ProbeResult;
};

export class ExchangeProbe implements Probe, PoolWaiter, ClientStreamHandler {
  readonly #question: Question;
  readonly #makePool: () => Pool;
  readonly #reuse: boolean;
  readonly #onBug: (error: unknown) => void;
  #pool: Pool | null = null;
  #report: ((result: ProbeResult) => void) | null = null;
  #stream: ClientStream | null = null;
  #head: ResponseHead | null = null;
  #body: Buffer[] = [];
  #received = 0;

  constructor(question: Question, reuse: boolean, makePool: () => Pool, onBug: (error: unknown) => void) {
    this.#question = question;
    this.#reuse = reuse;
    this.#makePool = makePool;
    this.#onBug = onBug;
  }

  start(report: (result: ProbeResult) => void): void {
    this.#report = report;
    this.#head = null;
    this.#body = [];
    this.#received = 0;
    this.#pool ??= this.#makePool();
    this.#pool.acquire(this);
  }

  cancel(): void {
    const stream = this.#stream;
    if (this.#report !== null && stream === null) this.#pool?.cancel(this);
    this.#report = null;
    this.#stream = null;
    stream?.reset();
    this.close();
  }

  close(): void {
    this.#report = null;
    this.#pool?.retire();
    this.#pool = null;
  }

  onReady(session: ClientSession): void {
    const { body } = this.#question;
    const stream = session.open(this.#question.head(), body === null, this);
    this.#stream = stream;
    if (body !== null) {
      stream.write(body);
      stream.finish(null);
    }
    stream.flush();
  }

  onFailure(): void {
    this.#end(UNREACHED);
  }

  onInterim(): void {
    // Says nothing about the answer.
  }

  onResponse(head: ResponseHead, last: boolean): void {
    this.#head = head;
    if (last) this.#judge(null);
  }

  onData(chunk: Buffer): void {
    const room = this.#question.bodyLimit - this.#received;
    if (room <= 0) return;
    this.#body.push(Buffer.from(chunk.subarray(0, room)));
    this.#received += Math.min(chunk.length, room);
  }

  onEnd(trailers: HeaderMap | null): void {
    this.#judge(trailers);
  }

  onReadDone(): void {
    // Nothing was held back.
  }

  onReset(): void {
    this.#end(UNREACHED);
  }

  onDrain(): void {
    // The request is complete from the start.
  }

  onBug(error: unknown): void {
    this.#onBug(error);
    this.#end(UNREACHED);
  }

  #judge(trailers: HeaderMap | null): void {
    this.#end(this.#question.judge(this.#head!, Buffer.concat(this.#body), trailers));
  }

  #end(result: ProbeResult): void {
    const report = this.#report;
    this.#report = null;
    this.#stream = null;
    if (!this.#reuse) this.close();
    report?.(result);
  }
}
