// What asking an authorization server takes, whatever it speaks.
import type { ListStringMatcher } from '../../../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { at, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileString, type StringTest } from '../../route/match/string-matcher.ts';
import type { FilterScope } from '../filter.ts';
import type { Verdict } from './verdict.ts';

export type CheckedBody = { readonly bytes: Buffer; readonly partial: boolean };

export type AuthService = {
  /** The cluster it is asked through. */
  readonly cluster: string;
  /** `body` is null where none is sent along. `done` is called once, perhaps before this returns; the result gives the question up. */
  check(
    exchange: Exchange,
    body: CheckedBody | null,
    extensions: Readonly<Record<string, string>>,
    scope: FilterScope,
    done: (verdict: Verdict) => void,
  ): () => void;
};

/** Which headers of the request the server sees. */
export type HeaderChoice = {
  /** null: nothing was said. */
  readonly allowed: StringTest | null;
  readonly disallowed: StringTest;
};

/** What of a request a server is told, beside its head. */
export type ServiceOptions = {
  readonly headers: HeaderChoice;
  readonly packAsBytes: boolean;
  /** Headers one by one as they are, instead of as text by name. */
  readonly rawHeaders: boolean;
  readonly metadataNamespaces: readonly string[];
  readonly routeMetadataNamespaces: readonly string[];
  /** Under which key of the bootstrap's node metadata the labels of this proxy are; '' are not told. */
  readonly labelsKey: string;
  readonly includeTlsSession: boolean;
  readonly includeCertificate: boolean;
};

export const PARTIAL_BODY = 'x-envoy-auth-partial-body';

export function compileList(list: ListStringMatcher | undefined, path: string): StringTest | null {
  if (list === undefined) return null;
  const tests = mapAt(list.patterns, at(path, 'patterns'), compileString);
  return (text) => tests.some((test) => test(text));
}
