// A filter in front of which a matcher is asked, at each step of the exchange, until it has said what is to be done.
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import type { Match } from '../../matching/matcher.ts';
import { matchPhase, type PhaseSubject } from '../../matching/phase-inputs.ts';
import type { FilterScope, FilterStage, FilterStream, StreamFilter } from '../filter.ts';

/** What has been said: `filter` takes part from here on; null: nobody does. */
export type Decision = { readonly filter: StreamFilter | null };

export class MatchedFilter<Action> implements StreamFilter {
  readonly #subject: PhaseSubject;
  readonly #stream: FilterStream;
  readonly #decide: (action: Action) => Decision;
  /** null: it has said what it had to say, or there is none. */
  #match: Match<PhaseSubject, Action> | null;
  /** Who takes part; `undecided` opens who does where the matcher says nothing. */
  #inner: StreamFilter | null | 'undecided' = 'undecided';
  readonly #undecided: () => StreamFilter | null;
  readonly #opened: StreamFilter[] = [];

  constructor(
    match: Match<PhaseSubject, Action> | null,
    exchange: Exchange,
    scope: FilterScope,
    stream: FilterStream,
    decide: (action: Action) => Decision,
    undecided: () => StreamFilter | null,
  ) {
    this.#match = match;
    this.#stream = stream;
    this.#decide = decide;
    this.#undecided = undecided;
    this.#subject = {
      request: exchange.request,
      exchange,
      runtime: scope.runtime,
      shown: false,
      requestTrailers: null,
      response: null,
      responseTrailers: null,
      missing: false,
    };
  }

  readonly request: FilterStage<RequestHead> = {
    head: (head, last) => {
      this.#subject.shown = true;
      return this.#asked()?.request?.head?.(head, last);
    },
    data: (chunk) => {
      const stage = this.#current()?.request;
      if (stage?.data !== undefined) stage.data(chunk);
      else this.#stream.request.write(chunk);
    },
    end: (trailers) => {
      this.#subject.requestTrailers = trailers;
      this.#end('request', trailers);
    },
    receiver: (full) => this.#known?.request?.receiver?.(full),
  };

  readonly response: FilterStage<ResponseHead> = {
    head: (head, last) => {
      this.#subject.response = head;
      return this.#asked()?.response?.head?.(head, last);
    },
    data: (chunk) => {
      const stage = this.#current()?.response;
      if (stage?.data !== undefined) stage.data(chunk);
      else this.#stream.response.write(chunk);
    },
    end: (trailers) => {
      this.#subject.responseTrailers = trailers;
      this.#end('response', trailers);
    },
    receiver: (full) => this.#known?.response?.receiver?.(full),
  };

  done(): void {
    for (const filter of this.#opened) filter.done?.();
  }

  #end(side: 'request' | 'response', trailers: HeaderMap | null): void {
    const stage = (trailers === null ? this.#current() : this.#asked())?.[side];
    if (stage?.end !== undefined) stage.end(trailers);
    else this.#stream[side].finish(trailers);
  }

  /** Who takes part, now that more of the exchange has come. */
  #asked(): StreamFilter | null {
    const action = this.#match === null ? null : matchPhase(this.#match, this.#subject);
    if (action !== null || !this.#subject.missing) this.#match = null;
    if (action !== null) this.#inner = this.#keep(this.#decide(action).filter);
    return this.#current();
  }

  get #known(): StreamFilter | null {
    return this.#inner === 'undecided' ? null : this.#inner;
  }

  #current(): StreamFilter | null {
    if (this.#inner === 'undecided') this.#inner = this.#keep(this.#undecided());
    return this.#inner;
  }

  #keep(filter: StreamFilter | null): StreamFilter | null {
    if (filter !== null) this.#opened.push(filter);
    return filter;
  }
}
