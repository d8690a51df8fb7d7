// The filter chain over one exchange: the request walks down it, the response up. Stateless filters are asked on the way; a filter with a part of its own
// in the exchange is opened when the request reaches it.
import type { FilterScope, HeadOutcome, HttpFilter, LocalReply } from '../filter/filter.ts';
import { requestTooLarge, responseTooLarge } from '../filter/held-body.ts';
import { OpenFilters } from '../filter/open-filters.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { cause } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { FilterList } from './filter-list.ts';
import type { RequestBody } from './request-body.ts';

export type FilterRunTarget = {
  /** What has come of the body before the first filter was opened is in it. */
  readonly body: RequestBody;
  /** Every filter has let the request pass. */
  onFiltered(): void;
  onFilteredData(chunk: Buffer): void;
  onFilteredEnd(trailers: HeaderMap | null): void;
  respond(head: ResponseHead, last: boolean): void;
  respondData(chunk: Buffer): void;
  respondEnd(trailers: HeaderMap | null): void;
  /** A filter wants the route chosen anew. */
  reroute(): void;
  answer(reply: LocalReply): void;
  balanceRequest(): void;
  balanceResponse(): void;
  run(work: () => void): void;
};

export class FilterRun {
  readonly exchange: Exchange;
  readonly scope: FilterScope;
  readonly #manager: ConnectionManager;
  readonly #target: FilterRunTarget;
  #list: FilterList;
  #open: OpenFilters | null = null;
  /** The response on its way up. */
  #head: ResponseHead | null = null;
  /** A second response was given while the first was on its way: it goes past the filters, as in Envoy. */
  #direct = false;
  /** No body follows the response's head, as the response came. */
  #last = false;
  /** The body that came before the first filter was opened has been given to it. */
  #moved = false;

  constructor(manager: ConnectionManager, exchange: Exchange, target: FilterRunTarget) {
    this.exchange = exchange;
    this.scope = manager.scope;
    this.#manager = manager;
    this.#list = manager.filters;
    this.#target = target;
  }

  /** Whether the request's source must wait. `full`: what takes the filtered request has as much as it can take. */
  requestCongested(full: boolean): boolean {
    return this.#open === null ? full : this.#open.request.congested(full);
  }

  responseCongested(full: boolean): boolean {
    return this.#open === null || this.#direct ? full : this.#open.response.congested(full);
  }

  /** Before any of them is asked. */
  use(list: FilterList): void {
    this.#list = list;
  }

  request(): void {
    this.#walkDown(0);
  }

  requestData(chunk: Buffer): void {
    if (this.#open === null) this.#target.onFilteredData(chunk);
    else this.#open.request.data(chunk);
  }

  requestEnd(trailers: HeaderMap | null): void {
    if (this.#open === null) this.#target.onFilteredEnd(trailers);
    else this.#open.request.end(trailers);
  }

  /** An upstream's response or our own. */
  response(head: ResponseHead, last: boolean): void {
    if (this.#head !== null) {
      this.#direct = true;
      this.#target.respond(head, last);
      return;
    }
    this.#head = head;
    this.#last = last;
    const overrides = this.exchange.route?.filters;
    if (this.#open !== null || this.#list.streaming || (overrides !== undefined && overrides.size > 0)) {
      if (this.#open !== null) this.#open.response.last = last;
      this.#walkUp(head, this.#list.filters.length - 1);
      return;
    }
    for (const filter of this.#list.responseFilters) filter.response?.(this.exchange, head, this.scope);
    this.#target.respond(head, last);
  }

  responseData(chunk: Buffer): void {
    if (this.#open === null || this.#direct) this.#target.respondData(chunk);
    else this.#open.response.data(chunk);
  }

  responseEnd(trailers: HeaderMap | null): void {
    if (this.#open === null || this.#direct) this.#target.respondEnd(trailers);
    else this.#open.response.end(trailers);
  }

  /** The request was answered: nothing of it goes further. */
  closeRequest(): void {
    this.#open?.request.close();
  }

  done(): void {
    try {
      this.#open?.done();
    } catch (error) {
      this.#manager.onBug(error, this.exchange);
    }
  }

  /** The request goes on with the filter at `from`. */
  #walkDown(from: number): void {
    const { filters } = this.#list;
    if (this.exchange.routeStale) this.#target.reroute();
    for (let i = from; i < filters.length; i++) {
      const filter = this.#effective(i);
      if (filter === null) continue;
      const outcome =
        filter.open === undefined ? filter.request?.(this.exchange, this.scope) : this.#openDown(filter, i);
      if (this.exchange.routeStale) this.#target.reroute();
      if (outcome === undefined) continue;
      if (outcome instanceof Promise) this.#suspend(outcome, i);
      else if (outcome === 'collect') this.#open?.request.collect();
      else if (outcome !== 'hold') this.#target.answer(outcome);
      this.#open?.request.settle();
      return;
    }
    const open = this.#open;
    if (open !== null) {
      open.request.through();
      this.#target.body.ended = open.request.last;
    }
    this.#target.onFiltered();
    open?.request.settle();
  }

  #openDown(filter: HttpFilter, index: number): HeadOutcome {
    const open = this.#opened();
    open.request.reach(index);
    if (!this.#moved) {
      this.#moved = true;
      this.#target.body.moveTo(open.request);
    }
    return open.get(filter, index)?.request?.head?.(this.exchange.request, open.request.last);
  }

  #suspend(outcome: Promise<LocalReply | undefined>, index: number): void {
    this.#open?.request.reach(index);
    outcome.then(
      (reply) =>
        this.#target.run(() => {
          if (reply === undefined) this.#walkDown(index + 1);
          else this.#target.answer(reply);
        }),
      (error: unknown) =>
        this.#target.run(() => {
          this.#manager.onBug(error, this.exchange);
          this.#target.answer(cause.filterFailed);
        }),
    );
  }

  #walkUp(head: ResponseHead, from: number): void {
    for (let i = from; i >= 0; i--) {
      const filter = this.#effective(i);
      if (filter === null) continue;
      const outcome =
        filter.open === undefined ? filter.response?.(this.exchange, head, this.scope) : this.#openUp(filter, i, head);
      if (outcome === undefined) continue;
      if (outcome === 'collect') this.#open?.response.collect();
      else if (outcome !== 'hold') this.#target.answer(outcome);
      this.#open?.response.settle();
      return;
    }
    this.#open?.response.through();
    this.#target.respond(head, this.#open === null ? this.#last : this.#open.response.last);
    this.#open?.response.settle();
  }

  #openUp(filter: HttpFilter, index: number, head: ResponseHead): HeadOutcome {
    const open = this.#opened();
    open.response.reach(this.#list.filters.length - 1 - index);
    return open.get(filter, index)?.response?.head?.(head, open.response.last);
  }

  /** What the route has in the place of the chain's filter; null: nothing. */
  #effective(index: number): HttpFilter | null {
    const filter = this.#list.filters[index]!;
    const overrides = this.exchange.route?.filters;
    const override = overrides === undefined || overrides.size === 0 ? undefined : overrides.get(filter.name);
    if (override === undefined) return filter.disabled === undefined ? filter : null;
    if (override === null) return null;
    const chains = filter.disabled ?? filter;
    if (override.settings !== undefined) return chains;
    return chains.around?.(override) ?? override;
  }

  #opened(): OpenFilters {
    if (this.#open !== null) return this.#open;
    const target = this.#target;
    const open = new OpenFilters(this.#list.filters.length, {
      exchange: this.exchange,
      scope: this.scope,
      requestSink: {
        data: (chunk) => target.onFilteredData(chunk),
        end: (trailers) => target.onFilteredEnd(trailers),
        proceed: (place) => this.#walkDown(place + 1),
        balance: () => target.balanceRequest(),
      },
      responseSink: {
        data: (chunk) => target.respondData(chunk),
        end: (trailers) => target.respondEnd(trailers),
        proceed: (place) => this.#walkUp(this.#head!, this.#list.filters.length - 2 - place),
        balance: () => target.balanceResponse(),
      },
      answer: (reply) => {
        if (reply === requestTooLarge) this.#manager.stats.downstream_rq_too_large += 1;
        else if (reply === responseTooLarge) this.#manager.stats.rs_too_large += 1;
        target.answer(reply);
      },
      reroute: () => target.reroute(),
      run: (work) => target.run(work),
    });
    open.request.last = target.body.empty;
    open.response.last = this.#last;
    this.#open = open;
    return open;
  }
}
