// How long the heads and trailers of an exchange are: names and values, as Envoy counts a header map, without what a protocol puts between them.
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { type Operators, plain } from './operator.ts';

export const sizes: Operators = plain({
  REQUEST_HEADERS_BYTES: ({ request }) => requestBytes(request),
  RESPONSE_HEADERS_BYTES: (_exchange, response) => responseBytes(response),
  RESPONSE_TRAILERS_BYTES: ({ trailers }) => (trailers === null ? 0 : fieldBytes(trailers)),
  // Of QUIC alone; everything else says 0.
  BYTES_RETRANSMITTED: () => 0,
  PACKETS_RETRANSMITTED: () => 0,
});

export function requestBytes({ method, scheme, authority, path, headers }: RequestHead): number {
  return (
    pseudo(':method', method) +
    pseudo(':scheme', scheme) +
    pseudo(':authority', authority) +
    pseudo(':path', path) +
    fieldBytes(headers)
  );
}

export function responseBytes(response: ResponseHead | null): number {
  return response === null ? 0 : ':status'.length + 3 + fieldBytes(response.headers);
}

function fieldBytes({ fields }: HeaderMap): number {
  return fields.reduce((total, text) => total + text.length, 0);
}

function pseudo(name: string, value: string): number {
  return value === '' ? 0 : name.length + value.length;
}
