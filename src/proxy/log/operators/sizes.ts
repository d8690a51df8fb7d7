// How long the heads and trailers of an exchange are, and what passed on the wire.
import type { Exchange } from '../../http/exchange.ts';
import { fieldBytes, requestBytes, responseBytes, type WireBytes, wantWireBytes } from '../../http/wire-bytes.ts';
import { type Operators, plain } from './operator.ts';

export const sizes: Operators = {
  ...plain({
    REQUEST_HEADERS_BYTES: ({ request }) => requestBytes(request),
    RESPONSE_HEADERS_BYTES: (_exchange, response) => (response === null ? 0 : responseBytes(response)),
    RESPONSE_TRAILERS_BYTES: ({ trailers }) => (trailers === null ? 0 : fieldBytes(trailers)),
    // Of QUIC alone; everything else says 0.
    BYTES_RETRANSMITTED: () => 0,
    PACKETS_RETRANSMITTED: () => 0,
  }),
  ...onWire('DOWNSTREAM', downstreamWire),
  ...onWire('UPSTREAM', upstreamWire),
};

type Counts = Pick<WireBytes, keyof typeof NOTHING>;

const NOTHING = {
  sent: 0,
  received: 0,
  headersSent: 0,
  headersReceived: 0,
  decompressedSent: 0,
  decompressedReceived: 0,
};

export function downstreamWire(exchange: Exchange): Counts {
  const { downstreamWire: counted, requestBytes: received, responseBytes: sent } = exchange;
  return counted ?? (isConnection(exchange) ? { ...NOTHING, sent, received } : NOTHING);
}

export function upstreamWire(exchange: Exchange): Counts {
  const { upstreamWire: counted, requestBytes: sent, responseBytes: received } = exchange;
  return counted ?? (isConnection(exchange) ? { ...NOTHING, sent, received } : NOTHING);
}

/** Without HTTP every byte is of the body. */
function isConnection({ request }: Exchange): boolean {
  return request.protocol === '';
}

/** Counting begins with the first format that asks. */
function onWire(side: string, wireOf: (exchange: Exchange) => Counts): Operators {
  const commands = plain({
    [`${side}_WIRE_BYTES_SENT`]: (exchange) => wireOf(exchange).sent,
    [`${side}_WIRE_BYTES_RECEIVED`]: (exchange) => wireOf(exchange).received,
    [`${side}_HEADER_BYTES_SENT`]: (exchange) => wireOf(exchange).headersSent,
    [`${side}_HEADER_BYTES_RECEIVED`]: (exchange) => wireOf(exchange).headersReceived,
    [`${side}_DECOMPRESSED_HEADER_BYTES_SENT`]: (exchange) => wireOf(exchange).decompressedSent,
    [`${side}_DECOMPRESSED_HEADER_BYTES_RECEIVED`]: (exchange) => wireOf(exchange).decompressedReceived,
  });
  return Object.fromEntries(
    Object.entries(commands).map(([name, compile]) => [
      name,
      (parameter, path) => {
        wantWireBytes();
        return compile(parameter, path);
      },
    ]),
  );
}
