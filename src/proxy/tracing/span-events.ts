// What happened when during an exchange, under Envoy's names (Tracing::Logs): told by spans that are verbose.
import type { Exchange } from '../http/exchange.ts';
import type { SpanRecord } from './otlp.ts';

type Events = SpanRecord['events'];

/** `ended`: monotonic milliseconds. */
export function exchangeEvents(exchange: Exchange, ended: number): Events {
  const { requestEnded, responded } = exchange;
  return [
    ...timed(exchange, [['last_downstream_rx_byte_received', requestEnded]]),
    ...attemptEvents(exchange),
    ...timed(exchange, [
      ['first_downstream_tx_byte_sent', responded],
      ['last_downstream_tx_byte_sent', responded === 0 ? 0 : ended],
    ]),
  ];
}

/** Of the last attempt. */
export function attemptEvents(exchange: Exchange): Events {
  const { upstreamSent, upstreamSentEnd, upstreamStarted, upstreamEnded } = exchange;
  return timed(exchange, [
    ['first_upstream_tx_byte_sent', upstreamSent],
    ['last_upstream_tx_byte_sent', upstreamSentEnd],
    ['first_upstream_rx_byte_received', upstreamStarted],
    ['last_upstream_rx_byte_received', upstreamEnded],
  ]);
}

/** Without what did not happen. */
function timed({ started, startedAt }: Exchange, moments: Events): Events {
  return moments.filter(([, moment]) => moment > 0).map(([what, moment]) => [what, startedAt + moment - started]);
}
