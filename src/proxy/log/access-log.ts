// The contract of an access log: called when an exchange is over, and before where `access_log_options` ask for it (`Exchange.logType`).
import type { Exchange } from '../http/exchange.ts';

export type AccessLog = {
  /** `ended` is monotonic milliseconds, 0 while the exchange goes on. Must not throw and must not block: writers buffer and drop with a count. */
  write(exchange: Exchange, ended: number): void;
};
