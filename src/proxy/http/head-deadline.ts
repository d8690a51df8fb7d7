// How long a request may take to come in, whatever the protocol: its head that has begun, and all of it.
import type { CodecFault } from './stream.ts';

/** Milliseconds, 0 is none, as in `HttpConnectionConfig`. */
export type HeadLimits = {
  readonly requestHeadersTimeout: number;
  readonly requestTimeout: number;
  readonly streamIdleTimeout: number;
  readonly maxStreamDuration: number;
};

export type HeadDeadline = { readonly after: number; readonly fault: CodecFault };

export const requestTimeout = late('request', 'request_overall_timeout', 'request timeout');

const LIMITS: readonly (readonly [name: keyof HeadLimits, fault: CodecFault])[] = [
  ['requestHeadersTimeout', late('head', 'request_header_timeout', 'request header timeout')],
  ['requestTimeout', requestTimeout],
  ['streamIdleTimeout', late('idle', 'stream_idle_timeout', 'stream timeout')],
  ['maxStreamDuration', late('duration', 'max_duration_timeout', 'downstream duration timeout')],
];

/** The first that passes of what is configured. A piece of a head is no sign of life: whoever sends it byte by byte gains nothing. */
export function headDeadline(limits: HeadLimits): HeadDeadline | null {
  let first: HeadDeadline | null = null;
  for (const [name, fault] of LIMITS) {
    const after = limits[name];
    if (after > 0 && (first === null || after < first.after)) first = { after, fault };
  }
  return first;
}

function late(what: CodecFault['late'] & string, details: string, body: string): CodecFault {
  return { status: 408, details, body, late: what };
}
