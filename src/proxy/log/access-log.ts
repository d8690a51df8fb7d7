// The contract of an access log: called once per exchange, when it is over.
import type { Exchange } from '../http/exchange.ts';

export type AccessLog = {
  /** `ended` is monotonic milliseconds. Must not throw and must not block: writers buffer and drop with a count. */
  write(exchange: Exchange, ended: number): void;
};
