// Inputs about an exchange that is going on. What has not come yet is missing; the matcher is asked again when more of it is there.
import {
  HttpRequestHeaderMatchInputSchema,
  HttpRequestQueryParamMatchInputSchema,
  HttpRequestTrailerMatchInputSchema,
  HttpResponseHeaderMatchInputSchema,
  HttpResponseTrailerMatchInputSchema,
} from '../../xds/gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import {
  HttpResponseStatusCodeClassMatchInputSchema,
  HttpResponseStatusCodeMatchInputSchema,
} from '../../xds/gen/envoy/type/matcher/v3/status_code_input_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { requestLookup } from '../route/match/header-matcher.ts';
import { queryValue } from '../route/match/query.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { type InputKind, textInput } from './input.ts';
import type { Match } from './matcher.ts';
import { filterInputs, type RequestSubject } from './request-inputs.ts';

/** Nulls have not come. */
export type PhaseSubject = RequestSubject & {
  /** The request's head has come. */
  shown: boolean;
  requestTrailers: HeaderMap | null;
  response: ResponseHead | null;
  responseTrailers: HeaderMap | null;
  /** Something that has not come was asked for. */
  missing: boolean;
};

/** null: nothing matches, or what there is does not suffice to say. */
export function matchPhase<Action>(match: Match<PhaseSubject, Action>, subject: PhaseSubject): Action | null {
  subject.missing = false;
  const action = match(subject);
  return subject.missing ? null : action;
}

/** Where a matcher is asked at every step of an exchange. */
export const phaseInputs: readonly InputKind<PhaseSubject>[] = [
  textInput(HttpRequestHeaderMatchInputSchema, ({ headerName }, path) => {
    const lookup = requestLookup(nameOf(headerName, path));
    return known((subject) => (subject.shown ? subject.request : null), lookup);
  }),
  textInput(HttpRequestQueryParamMatchInputSchema, ({ queryParam }, path) => {
    if (queryParam === '') throw new ConfigError(at(path, 'query_param'), 'is empty');
    const name = bytesOf(queryParam);
    return known(
      (subject) => (subject.shown ? subject.request : null),
      (request) => queryValue(request.path, name),
    );
  }),
  textInput(HttpRequestTrailerMatchInputSchema, ({ headerName }, path) => {
    const name = nameOf(headerName, path);
    return known(
      ({ requestTrailers }) => requestTrailers,
      (trailers) => trailers.joined(name),
    );
  }),
  textInput(HttpResponseHeaderMatchInputSchema, ({ headerName }, path) => {
    const name = nameOf(headerName, path);
    return ofResponse(({ status, headers }) => (name === ':status' ? String(status) : headers.joined(name)));
  }),
  textInput(HttpResponseTrailerMatchInputSchema, ({ headerName }, path) => {
    const name = nameOf(headerName, path);
    return known(
      ({ responseTrailers }) => responseTrailers,
      (trailers) => trailers.joined(name),
    );
  }),
  textInput(HttpResponseStatusCodeMatchInputSchema, () => ofResponse(({ status }) => String(status))),
  textInput(HttpResponseStatusCodeClassMatchInputSchema, () => ofResponse(({ status }) => classOf(status))),
  ...filterInputs,
];

function nameOf(header: string, path: string): string {
  if (header === '') throw new ConfigError(at(path, 'header_name'), 'is empty');
  return header.toLowerCase();
}

function ofResponse(read: (head: ResponseHead) => string | undefined) {
  return known(({ response }) => response, read);
}

function known<Part>(part: (subject: PhaseSubject) => Part | null, read: (part: Part) => string | undefined) {
  return (subject: PhaseSubject): string | undefined => {
    const found = part(subject);
    if (found !== null) return read(found);
    subject.missing = true;
    return undefined;
  };
}

/** `4xx`; codes outside of 1xx to 5xx have none. */
function classOf(status: number): string | undefined {
  return status >= 100 && status < 600 ? `${Math.trunc(status / 100)}xx` : undefined;
}
