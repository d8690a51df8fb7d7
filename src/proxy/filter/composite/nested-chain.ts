// Several filters in the place of one: requests pass them in order, responses in reverse.
//
//   outer chain ─► [ 0 ─► 1 ─► 2 ] ─► outer chain     where a head waits, the chain takes what follows and holds it itself
import type { Exchange } from '../../http/exchange.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { startAll } from '../define.ts';
import type {
  FilterOutlet,
  FilterScope,
  FilterStage,
  FilterStream,
  HeadOutcome,
  HttpFilter,
  StreamFilter,
} from '../filter.ts';
import type { FilterPass, PassSink } from '../filter-pass.ts';
import { OpenFilters } from '../open-filters.ts';
import { openFilter } from './as-stream.ts';

/** A filter that is all of these. */
export function nestFilters(filters: readonly HttpFilter[], name: string): HttpFilter {
  const opened = filters.map(
    (filter): HttpFilter => ({
      name,
      open: (exchange, scope, stream) => openFilter(filter, exchange, scope, stream),
    }),
  );
  return {
    name,
    start: (scope) => startAll(filters.flatMap((filter) => filter.start?.(scope) ?? [])),
    open: (exchange, scope, stream) => new NestedChain(opened, exchange, scope, stream),
  };
}

class NestedChain implements StreamFilter {
  readonly request: FilterStage<RequestHead>;
  readonly response: FilterStage<ResponseHead>;
  readonly #filters: readonly HttpFilter[];
  readonly #exchange: Exchange;
  readonly #stream: FilterStream;
  readonly #open: OpenFilters;

  constructor(filters: readonly HttpFilter[], exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#filters = filters;
    this.#exchange = exchange;
    this.#stream = stream;
    const request = new Way<RequestHead>(stream.request, (head, place) => this.#down(head, place));
    const response = new Way<ResponseHead>(stream.response, (head, place) => this.#up(head, place));
    this.#open = new OpenFilters(filters.length, {
      exchange,
      scope,
      requestSink: request.sink(stream),
      responseSink: response.sink(stream),
      answer: (reply) => stream.answer(reply),
      reroute: () => stream.reroute(),
      run: (work) => stream.run(work),
    });
    this.request = request.through(this.#open.request);
    this.response = response.through(this.#open.response);
  }

  done(): void {
    this.#open.done();
  }

  #down(head: RequestHead, from: number): HeadOutcome {
    for (let i = from; i < this.#filters.length; i++) {
      this.#open.request.reach(i);
      const outcome = this.#open.get(this.#filters[i]!, i)?.request?.head?.(head, this.#open.request.last);
      if (this.#exchange.routeStale) this.#stream.reroute();
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  #up(head: ResponseHead, from: number): HeadOutcome {
    const last = this.#filters.length - 1;
    for (let place = from; place <= last; place++) {
      this.#open.response.reach(place);
      const index = last - place;
      const outcome = this.#open.get(this.#filters[index]!, index)?.response?.head?.(head, this.#open.response.last);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }
}

/** One direction through the chain. `walk` goes on from a place until a head stops. */
class Way<Head> {
  readonly #outlet: FilterOutlet;
  readonly #walk: (head: Head, place: number) => HeadOutcome;
  #pass: FilterPass | null = null;
  #head: Head | null = null;
  #full = false;

  constructor(outlet: FilterOutlet, walk: (head: Head, place: number) => HeadOutcome) {
    this.#outlet = outlet;
    this.#walk = walk;
  }

  through(pass: FilterPass): FilterStage<Head> {
    this.#pass = pass;
    return {
      head: (head, last) => {
        this.#head = head;
        pass.last = last;
        const outcome = this.#stopAt(pass, this.#walk(head, 0));
        if (outcome === undefined) pass.through();
        return outcome;
      },
      data: (chunk) => pass.data(chunk),
      end: (trailers) => pass.end(trailers),
      receiver: (full) => {
        this.#full = full;
        this.#balance();
      },
    };
  }

  sink(stream: FilterStream): PassSink {
    return {
      data: (chunk) => this.#outlet.write(chunk),
      end: (trailers) => this.#outlet.finish(trailers),
      proceed: (place) => this.#goOn(place + 1, stream),
      balance: () => this.#balance(),
    };
  }

  /** A head that waited goes on. */
  #goOn(place: number, stream: FilterStream): void {
    const pass = this.#pass!;
    const outcome = this.#stopAt(pass, this.#walk(this.#head!, place));
    if (outcome === undefined) {
      pass.through();
      this.#outlet.proceed(pass.last);
    } else if (typeof outcome === 'object') stream.answer(outcome);
    pass.settle();
  }

  /** Whatever way a head waits, what follows is held in here. */
  #stopAt(pass: FilterPass, outcome: HeadOutcome): HeadOutcome {
    if (outcome === 'collect') pass.collect();
    return outcome === 'hold' ? 'collect' : outcome;
  }

  #balance(): void {
    if (this.#pass?.congested(this.#full) === true) this.#outlet.pause();
    else this.#outlet.resume();
  }
}
