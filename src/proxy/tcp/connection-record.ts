// A connection that carries no HTTP, in the form logs, RBAC and format strings read: an exchange with an empty request.
import { type Downstream, Exchange } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';

export function connectionRecord(downstream: Downstream, clock: { now(): number; epoch(): number }): Exchange {
  const scheme = downstream.tls === null ? 'http' : 'https';
  const request = {
    method: '',
    scheme,
    authority: '',
    path: '',
    protocol: '',
    upgrade: '',
    headers: new HeaderMap(),
  } as const;
  const record = new Exchange(downstream, { ...request }, clock.now(), clock.epoch());
  if (downstream.metadata !== null) record.metadata = new Map(downstream.metadata);
  return record;
}
