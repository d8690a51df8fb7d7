// Which parts of an exchange the server is sent, and how.
import {
  ProcessingMode_BodySendMode as BodyMode,
  ProcessingMode_HeaderSendMode as HeadMode,
  type ProcessingMode,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';

/**
 * `buffered`: as a whole, before the head goes on. `partial`: as much as fits, the rest passes. `streamed`: in pieces, each answered by what takes its
 * place. `duplex`: in pieces, and what comes back is a stream of its own.
 */
export type BodyWay = 'none' | 'buffered' | 'partial' | 'streamed' | 'duplex';

export type DirectionMode = { readonly head: boolean; readonly body: BodyWay; readonly trailers: boolean };

export type Mode = { readonly request: DirectionMode; readonly response: DirectionMode };

const WAYS: ReadonlyMap<BodyMode, BodyWay> = new Map<BodyMode, BodyWay>([
  [BodyMode.NONE, 'none'],
  [BodyMode.BUFFERED, 'buffered'],
  [BodyMode.BUFFERED_PARTIAL, 'partial'],
  [BodyMode.STREAMED, 'streamed'],
  [BodyMode.FULL_DUPLEX_STREAMED, 'duplex'],
]);

/** As it is told to a server. */
export function bodyModeOf(way: BodyWay): BodyMode {
  for (const [mode, one] of WAYS) if (one === way) return mode;
  return BodyMode.NONE;
}

export function compileMode(message: ProcessingMode | undefined, path: string): Mode {
  if (message === undefined) return byDefault;
  checkBody(message.requestBodyMode, message.requestTrailerMode, path, 'request');
  checkBody(message.responseBodyMode, message.responseTrailerMode, path, 'response');
  return overriddenMode(byDefault, message);
}

const byDefault: Mode = {
  request: { head: true, body: 'none', trailers: false },
  response: { head: true, body: 'none', trailers: false },
};

/** Where nothing is said of heads and trailers they stay as they are. A way of sending bodies that is not known is none. */
export function overriddenMode(mode: Mode, by: ProcessingMode): Mode {
  return {
    request: {
      head: isSent(by.requestHeaderMode, mode.request.head),
      body: WAYS.get(by.requestBodyMode) ?? 'none',
      trailers: isSent(by.requestTrailerMode, mode.request.trailers),
    },
    response: {
      head: isSent(by.responseHeaderMode, mode.response.head),
      body: WAYS.get(by.responseBodyMode) ?? 'none',
      trailers: isSent(by.responseTrailerMode, mode.response.trailers),
    },
  };
}

function isSent(said: HeadMode, otherwise: boolean): boolean {
  return said === HeadMode.DEFAULT ? otherwise : said === HeadMode.SEND;
}

/** Whether a server that asks for `a` asks for what `b` allows: the request's head has been sent already, so how does not matter. */
export function sameOverride(a: Mode, b: Mode): boolean {
  return (
    a.request.body === b.request.body &&
    a.request.trailers === b.request.trailers &&
    a.response.head === b.response.head &&
    a.response.body === b.response.body &&
    a.response.trailers === b.response.trailers
  );
}

/** Envoy does not know the length of a body any more that a server may change after the head has gone on, or without having seen it. */
export function losesLength({ head, body }: DirectionMode): boolean {
  return body !== 'none' && (body !== 'buffered' || !head);
}

/** Whether the head waits for the body. */
export function isHeld(way: BodyWay): boolean {
  return way === 'buffered' || way === 'partial';
}

function checkBody(mode: BodyMode, trailers: HeadMode, path: string, side: 'request' | 'response'): void {
  const way = WAYS.get(mode);
  if (way === undefined)
    throw new ConfigError(
      at(path, `${side}_body_mode`),
      'is not supported (hint: NONE, BUFFERED, BUFFERED_PARTIAL, STREAMED, FULL_DUPLEX_STREAMED)',
    );
  if (way === 'duplex' && trailers !== HeadMode.SEND)
    throw new ConfigError(
      at(path, `${side}_trailer_mode`),
      `must be SEND where ${side}_body_mode is FULL_DUPLEX_STREAMED`,
    );
}
