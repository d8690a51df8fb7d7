// What a peer can do wrong in HTTP/1.1, with Envoy's status and response code details for it.
import type { CodecFault } from '../http/stream.ts';

export const fault = {
  codec: { status: 400, details: 'http1.codec_error', body: 'Bad Request' },
  characters: { status: 400, details: 'http1.invalid_characters', body: 'Bad Request' },
  lengthAndChunked: { status: 400, details: 'http1.content_length_and_chunked_not_allowed', body: 'Bad Request' },
  transferEncoding: { status: 501, details: 'http1.invalid_transfer_encoding', body: 'Not Implemented' },
  authority: { status: 400, details: 'http.invalid_authority', body: 'Bad Request' },
  url: { status: 400, details: 'http1.invalid_url', body: 'Bad Request' },
  scheme: { status: 400, details: 'http1.invalid_scheme', body: 'Bad Request' },
  underscore: { status: 400, details: 'http1.unexpected_underscore', body: 'Bad Request' },
  missingHost: { status: 400, details: 'missing_host_header', body: '' },
  version: { status: 426, details: 'low_version', body: 'Upgrade Required' },
  tooManyHeaders: { status: 431, details: 'http1.too_many_headers', body: 'Request Header Fields Too Large' },
  headTooLarge: { status: 431, details: 'http1.headers_too_large', body: 'Request Header Fields Too Large' },
} as const satisfies Record<string, CodecFault>;
