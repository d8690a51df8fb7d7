// Terms of authorization rules as what Envoy compares: each row is one term and the matcher it becomes.
import { toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type { RequestTerm, SourceTerm } from '../model/policy.ts';
import { port } from '../model/units.ts';
import { PermissionSchema, PrincipalSchema } from '../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { permission } from './permission.ts';
import { principal } from './principal.ts';

const exact = (value: string) => ({ kind: 'exact', value }) as const;
const named = (principalName: object) => ({ authenticated: { principalName } });
const regex = (text: string) => ({ safeRegex: { regex: text } });

describe('who', () => {
  test.each<readonly [string, SourceTerm, object]>([
    ['principal', { kind: 'principal', match: exact('td/ns/a/sa/b') }, named({ exact: 'spiffe://td/ns/a/sa/b' })],
    ['any principal', { kind: 'principal', match: { kind: 'present' } }, named({ prefix: 'spiffe://' })],
    [
      'principal by suffix',
      { kind: 'principal', match: { kind: 'suffix', value: '/sa/b' } },
      named(regex('spiffe://.*\\/sa\\/b')),
    ],
    ['namespace', { kind: 'namespace', match: exact('a.b') }, named(regex('spiffe://[^/]+/ns/a\\.b/sa/[^/]+'))],
    [
      'namespace by prefix',
      { kind: 'namespace', match: { kind: 'prefix', value: 'a' } },
      named(regex('spiffe://[^/]+/ns/a[^/]*/sa/[^/]+')),
    ],
    [
      'service account',
      { kind: 'service-account', namespace: 'a', name: 'b' },
      named({ exact: 'spiffe://td/ns/a/sa/b' }),
    ],
    ['anyone with a certificate', { kind: 'authenticated' }, named({ prefix: 'spiffe://' })],
    [
      'peer address',
      { kind: 'peer-ip', cidr: '10.0.0.0/8' },
      { directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } },
    ],
    ['client address', { kind: 'client-ip', cidr: '::1' }, { remoteIp: { addressPrefix: '::1', prefixLen: 128 } }],
  ])('%s', (_, term, expected) => {
    expect(toJson(PrincipalSchema, principal({ kind: 'term', term }, 'td'))).toEqual(expected);
  });

  test.each([
    ['nobody of none', { kind: 'any', of: [] } as const, { notId: { any: true } }],
    ['all of none', { kind: 'all', of: [] } as const, { any: true }],
    ['not', { kind: 'not', of: { kind: 'always' } } as const, { notId: { any: true } }],
  ])('%s', (_, predicate, expected) => {
    expect(toJson(PrincipalSchema, principal(predicate, 'td'))).toEqual(expected);
  });
});

describe('for what', () => {
  const header = (name: string, rest: object) => ({ header: { name, ...rest } });
  test.each<readonly [string, RequestTerm, object]>([
    [
      'host, in any case',
      { kind: 'host', match: exact('a.b') },
      header(':authority', { stringMatch: { exact: 'a.b', ignoreCase: true } }),
    ],
    ['method', { kind: 'method', match: exact('GET') }, header(':method', { stringMatch: { exact: 'GET' } })],
    ['path', { kind: 'path', match: { kind: 'prefix', value: '/a' } }, { urlPath: { path: { prefix: '/a' } } }],
    [
      'header there',
      { kind: 'header', name: 'x-a', match: { kind: 'present' } },
      header('x-a', { presentMatch: true }),
    ],
    ['any prefix', { kind: 'path', match: { kind: 'prefix', value: '' } }, { urlPath: { path: regex('(?s).*') } }],
    ['its own port', { kind: 'port', port: port(8080) }, { any: true }],
    ['another port', { kind: 'port', port: port(9090) }, { notRule: { any: true } }],
  ])('%s', (_, term, expected) => {
    expect(toJson(PermissionSchema, permission({ kind: 'term', term }, 8080))).toEqual(expected);
  });

  test('any of nothing is nothing', () => {
    expect(toJson(PermissionSchema, permission({ kind: 'any', of: [] }, 80))).toEqual({ notRule: { any: true } });
  });
});
