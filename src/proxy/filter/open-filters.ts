// The open filters of one exchange: made when the request reaches the first of them, so that requests without any pay nothing.

import type { Exchange } from '../http/exchange.ts';
import type { FilterScope, FilterStream, HttpFilter, LocalReply, StreamFilter } from './filter.ts';
import { FilterPass, type PassSink } from './filter-pass.ts';

export type OpenFiltersOwner = {
  readonly exchange: Exchange;
  readonly scope: FilterScope;
  readonly requestSink: PassSink;
  readonly responseSink: PassSink;
  answer(reply: LocalReply): void;
  reroute(): void;
  /** As `FilterStream.run`. */
  run(work: () => void): void;
};

export class OpenFilters {
  readonly request: FilterPass;
  readonly response: FilterPass;
  readonly #open: (StreamFilter | null)[];
  readonly #owner: OpenFiltersOwner;

  /** `count`: filters of the chain. Places of the response count from the last filter. */
  constructor(count: number, owner: OpenFiltersOwner) {
    this.#owner = owner;
    this.request = new FilterPass(count, owner.requestSink);
    this.response = new FilterPass(count, owner.responseSink);
    this.#open = new Array<StreamFilter | null>(count);
  }

  /** The filter's part in this exchange, opened when it is first asked for. */
  get(filter: HttpFilter, index: number): StreamFilter | null {
    const known = this.#open[index];
    if (known !== undefined) return known;
    const place = this.#open.length - 1 - index;
    const { exchange, scope } = this.#owner;
    const stream: FilterStream = {
      request: this.request.outlet(index),
      response: this.response.outlet(place),
      answer: (reply) => this.#owner.answer(reply),
      reroute: () => this.#owner.reroute(),
      run: (work) => this.#owner.run(work),
    };
    const opened = filter.open?.(exchange, scope, stream) ?? null;
    this.#open[index] = opened;
    this.request.setStage(index, opened?.request);
    this.response.setStage(place, opened?.response);
    return opened;
  }

  done(): void {
    this.request.close();
    this.response.close();
    for (const filter of this.#open) filter?.done?.();
  }
}
