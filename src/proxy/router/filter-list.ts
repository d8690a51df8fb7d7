// The HTTP filters that exchanges of one kind pass: those of the connection manager, or of a protocol that requests switch to.
import type { HttpFilter } from '../filter/filter.ts';

export class FilterList {
  /** In the order requests pass them. */
  readonly filters: readonly HttpFilter[];
  /** Filters that look at responses, in the order they run: last first. */
  readonly responseFilters: readonly HttpFilter[];
  /** Some filter may take part in an exchange beyond a look at its heads. */
  readonly streaming: boolean;

  constructor(filters: readonly HttpFilter[]) {
    this.filters = filters;
    this.responseFilters = filters.filter((filter) => filter.response !== undefined).reverse();
    this.streaming = filters.some((filter) => filter.open !== undefined);
  }
}
