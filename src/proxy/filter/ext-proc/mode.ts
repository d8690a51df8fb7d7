// Which parts of an exchange the server is sent.
import {
  ProcessingMode_BodySendMode as BodyMode,
  ProcessingMode_HeaderSendMode as HeadMode,
  type ProcessingMode,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';

export type DirectionMode = { readonly head: boolean; readonly body: boolean; readonly trailers: boolean };

export type Mode = { readonly request: DirectionMode; readonly response: DirectionMode };

export function compileMode(mode: ProcessingMode | undefined, path: string): Mode {
  return {
    request: {
      head: mode?.requestHeaderMode !== HeadMode.SKIP,
      body: compileBody(mode?.requestBodyMode ?? BodyMode.NONE, at(path, 'request_body_mode')),
      trailers: mode?.requestTrailerMode === HeadMode.SEND,
    },
    response: {
      head: mode?.responseHeaderMode !== HeadMode.SKIP,
      body: compileBody(mode?.responseBodyMode ?? BodyMode.NONE, at(path, 'response_body_mode')),
      trailers: mode?.responseTrailerMode === HeadMode.SEND,
    },
  };
}

/** What a server asks for at run time; modes that are not known here are as if it had not asked. */
export function overriddenMode(mode: Mode, by: ProcessingMode): Mode {
  const head = (now: boolean, asked: HeadMode) => (asked === HeadMode.DEFAULT ? now : asked === HeadMode.SEND);
  return {
    request: {
      ...mode.request,
      body: by.requestBodyMode === BodyMode.BUFFERED,
      trailers: head(mode.request.trailers, by.requestTrailerMode),
    },
    response: {
      head: head(mode.response.head, by.responseHeaderMode),
      body: by.responseBodyMode === BodyMode.BUFFERED,
      trailers: head(mode.response.trailers, by.responseTrailerMode),
    },
  };
}

function compileBody(mode: BodyMode, path: string): boolean {
  if (mode !== BodyMode.NONE && mode !== BodyMode.BUFFERED)
    throw new ConfigError(path, 'is not supported (hint: NONE, BUFFERED)');
  return mode === BodyMode.BUFFERED;
}
