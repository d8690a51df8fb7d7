// Who is asking, as an RBAC principal. Identities are the URI names of the peer's certificate.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { StringMatch } from '../model/match.ts';
import type { Predicate, SourceTerm } from '../model/policy.ts';
import { type CidrRange, CidrRangeSchema } from '../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type Principal, PrincipalSchema } from '../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { StringMatcher } from '../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { escapeRegex, regexMatcher, stringMatcher } from './string-match.ts';

type Identifier = NonNullable<MessageInitShape<typeof PrincipalSchema>['identifier']>;

export function principal(predicate: Predicate<SourceTerm>, trustDomain: string): Principal {
  switch (predicate.kind) {
    case 'always':
      return anyone;
    case 'all':
      if (predicate.of.length === 0) return anyone;
      return of({ case: 'andIds', value: { ids: predicate.of.map((each) => principal(each, trustDomain)) } });
    case 'any':
      if (predicate.of.length === 0) return nobody;
      return of({ case: 'orIds', value: { ids: predicate.of.map((each) => principal(each, trustDomain)) } });
    case 'not':
      return of({ case: 'notId', value: principal(predicate.of, trustDomain) });
    case 'term':
      return term(predicate.term, trustDomain);
  }
}

function term(asked: SourceTerm, trustDomain: string): Principal {
  switch (asked.kind) {
    case 'principal':
      return named(spiffeMatcher(asked.match));
    case 'namespace':
      return named(regexMatcher(`spiffe://[^/]+/ns/${segment(asked.match)}/sa/[^/]+`));
    case 'service-account': {
      const value = `spiffe://${trustDomain}/ns/${asked.namespace}/sa/${asked.name}`;
      return named(stringMatcher({ kind: 'exact', value }));
    }
    case 'authenticated':
      return named(stringMatcher({ kind: 'prefix', value: 'spiffe://' }));
    case 'peer-ip':
      return of({ case: 'directRemoteIp', value: cidrRange(asked.cidr) });
    case 'client-ip':
      return of({ case: 'remoteIp', value: cidrRange(asked.cidr) });
  }
}

/** The model's principals are written without the scheme. */
function spiffeMatcher(match: StringMatch): StringMatcher {
  switch (match.kind) {
    case 'exact':
    case 'prefix':
      return stringMatcher({ kind: match.kind, value: `spiffe://${match.value}` });
    case 'suffix':
    case 'contains': {
      const rest = match.kind === 'suffix' ? '' : '.*';
      return regexMatcher(`spiffe://.*${escapeRegex(match.value)}${rest}`);
    }
    case 'regex':
      return regexMatcher(`spiffe://(?:${match.value})`);
    case 'present':
      return stringMatcher({ kind: 'prefix', value: 'spiffe://' });
  }
}

/** One path segment as a regular expression that cannot reach beyond it. */
function segment(match: StringMatch): string {
  switch (match.kind) {
    case 'exact':
      return escapeRegex(match.value);
    case 'prefix':
      return `${escapeRegex(match.value)}[^/]*`;
    case 'suffix':
      return `[^/]*${escapeRegex(match.value)}`;
    case 'contains':
      return `[^/]*${escapeRegex(match.value)}[^/]*`;
    case 'regex':
      return `(?:${match.value})`;
    case 'present':
      return '[^/]+';
  }
}

/** Readers have checked it; an address without a length is that address alone. */
function cidrRange(cidr: string): CidrRange {
  const [addressPrefix = '', length] = cidr.split('/');
  const prefixLen = length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length);
  return create(CidrRangeSchema, { addressPrefix, prefixLen });
}

const named = (principalName: StringMatcher): Principal => of({ case: 'authenticated', value: { principalName } });

const of = (identifier: Identifier): Principal => create(PrincipalSchema, { identifier });

const anyone = of({ case: 'any', value: true });
const nobody = of({ case: 'notId', value: anyone });
