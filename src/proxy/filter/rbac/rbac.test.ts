import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { types } from '../../../xds/descriptors/types.ts';
import { RBACSchema as RulesSchema } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { RBACSchema } from '../../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { peerTls, testExchange } from '../../testing/exchange.ts';
import { expressionTree } from '../../testing/expression-tree.ts';
import { testScope } from '../../testing/scope.ts';
import { compileRbac, type RbacDecision } from './engine.ts';
import { createRbac } from './filter.ts';

const anyone = { permissions: [{ any: true }], principals: [{ any: true }] };
const post = {
  permissions: [{ header: { name: ':method', string_match: { exact: 'POST' } } }],
  principals: [{ any: true }],
};

const mtlsAuthenticated = (fields: JsonObject): JsonObject => ({
  name: 'mtls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.rbac.principals.mtls_authenticated.v3.Config',
    ...fields,
  },
});

function holds(policy: JsonObject, exchange: Exchange): boolean {
  const engine = compileRbac(
    fromJson(RulesSchema, { policies: { p: { ...anyone, ...policy } } }, { registry: types }),
    'rules',
  );
  return engine(exchange, noRuntime).allowed;
}

const request = testExchange(
  { method: 'POST', path: '/admin/x?y=/z', headers: ['x-a', '1'] },
  { tls: peerTls({ sni: 'shop.example' }) },
);

describe('permissions', () => {
  const yes: JsonObject = { any: true };
  const no: JsonObject = { destination_port: 1 };
  const template = (path_template: string): JsonObject => ({
    uri_template: {
      name: 'template',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
        path_template,
      },
    },
  });
  test.each<[rule: JsonObject, wants: boolean]>([
    [yes, true],
    [no, false],
    [{ header: { name: 'x-a', string_match: { exact: '1' } } }, true],
    [{ url_path: { path: { exact: '/admin/x' } } }, true],
    [{ url_path: { path: { contains: 'z' } } }, false],
    [{ destination_port: 8080 }, true],
    [{ destination_port_range: { start: 8080, end: 8081 } }, true],
    [{ destination_port_range: { start: 8000, end: 8080 } }, false],
    [{ destination_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }, true],
    [{ destination_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }, false],
    [{ requested_server_name: { exact: 'shop.example' } }, true],
    [{ not_rule: no }, true],
    [{ and_rules: { rules: [yes, yes] } }, true],
    [{ and_rules: { rules: [yes, no] } }, false],
    [{ or_rules: { rules: [no, yes] } }, true],
    [{ or_rules: { rules: [no, no] } }, false],
    [template('/admin/{name}'), true],
    [template('/admin/{name}/more'), false],
  ])('%j: %s', (rule, wants) => {
    expect(holds({ permissions: [rule] }, request)).toBe(wants);
  });

  test('one of several is enough', () => {
    expect(holds({ permissions: [no, yes] }, request)).toBe(true);
  });
});

describe('principals', () => {
  const named = (exact: string) => ({ authenticated: { principal_name: { exact } } });
  const mtls = (fields: JsonObject): JsonObject => ({ custom: mtlsAuthenticated(fields) });
  const from = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });
  const forwarded = testExchange({}, { tls: null });
  forwarded.clientAddress = '192.0.2.9';

  test.each<[id: JsonObject, wants: boolean]>([
    [{ any: true }, true],
    [{ authenticated: {} }, true],
    [named('spiffe://cluster.local/ns/shop/sa/web'), true],
    [named('spiffe://cluster.local/ns/shop/sa/other'), false],
    [{ header: { name: 'x-a' } }, true],
    [{ url_path: { path: { prefix: '/admin' } } }, true],
    [{ not_id: { header: { name: 'x-a' } } }, false],
    [{ and_ids: { ids: [{ any: true }, named('x')] } }, false],
    [{ or_ids: { ids: [named('x'), { any: true }] } }, true],
    [mtls({ any_validated_client_certificate: true }), true],
    [mtls({ san_matcher: { san_type: 'URI', matcher: { suffix: '/web' } } }), true],
    [mtls({ san_matcher: { san_type: 'DNS', matcher: { suffix: '/web' } } }), false],
    [mtls({ san_matcher: { san_type: 'EMAIL', matcher: { prefix: 'web' } } }), false],
  ])('%j: %s', (id, wants) => {
    expect(holds({ principals: [id] }, request)).toBe(wants);
  });

  test.each<[id: JsonObject, wants: boolean]>([
    [{ direct_remote_ip: from('10.0.0.0', 8) }, true],
    [{ direct_remote_ip: from('192.0.2.0', 24) }, false],
    [{ source_ip: from('10.0.0.0', 8) }, true],
    [{ remote_ip: from('192.0.2.0', 24) }, true],
    [{ remote_ip: from('10.0.0.0', 8) }, false],
  ])('behind X-Forwarded-For %j: %s', (id, wants) => {
    expect(holds({ principals: [id] }, forwarded)).toBe(wants);
  });

  test.each<[name: string, tls: Parameters<typeof peerTls>[0], wants: boolean]>([
    ['URI SAN', { uriSans: ['me'] }, true],
    ['DNS SAN beside another URI SAN', { uriSans: ['x'], dnsSans: ['me'] }, true],
    ['subject', { uriSans: [], subject: 'me' }, true],
    ['no certificate', { uriSans: [], fingerprint: '' }, false],
  ])('a name as %s', (_name, tls, wants) => {
    expect(holds({ principals: [named('me')] }, testExchange({}, { tls: peerTls(tls) }))).toBe(wants);
  });

  test.each<[name: string, exchange: Exchange]>([
    ['plain text', testExchange()],
    ['TLS without a client certificate', testExchange({}, { tls: peerTls({ uriSans: [], fingerprint: '' }) })],
  ])('%s is not authenticated, whatever the name', (_name, exchange) => {
    expect(holds({ principals: [{ authenticated: {} }] }, exchange)).toBe(false);
    const anything = { authenticated: { principal_name: { safe_regex: { regex: '.*' } } } };
    expect(holds({ principals: [anything] }, exchange)).toBe(false);
  });
});

describe('conditions', () => {
  const tree = expressionTree;
  test.each<[name: string, policy: JsonObject, wants: boolean]>([
    ['holds', { condition: tree("request.headers['x-a'] == '1'") }, true],
    ['does not', { condition: tree("request.method == 'GET'") }, false],
    ['fails', { condition: tree("request.headers['none'] == '1'") }, false],
    ['is no truth', { condition: tree('request.path') }, false],
    ['knows no response', { condition: tree('response.code >= 0') }, false],
    ['was checked', { checked_condition: { expr: tree('connection.mtls') } }, false],
    ['before the one that was checked', { condition: tree('true'), checked_condition: { expr: tree('false') } }, true],
    ['may join texts', { condition: tree("'a' + 'b' == 'ab'"), cel_config: { enable_string_concat: true } }, true],
    ['may not', { condition: tree("'a' + 'b' == 'ab'") }, false],
  ])('%s', (_name, policy, wants) => {
    expect(holds(policy, request)).toBe(wants);
  });

  test.each<[policy: JsonObject, reason: string]>([
    [{ condition: {} }, 'rules.policies[p].condition: is no expression'],
    [{ condition: tree('[1].all(x, x > 0)') }, 'rules.policies[p].condition: comprehensions are not supported'],
    [{ checked_condition: {} }, 'rules.policies[p].checked_condition.expr: is required'],
  ])('%j', (policy, reason) => {
    expect(() => holds(policy, request)).toThrow(reason);
  });
});

describe('decisions', () => {
  const get = testExchange();
  test.each<[name: string, rules: JsonObject, wants: Omit<RbacDecision, 'logged'>]>([
    ['an allow list that is empty denies', {}, { allowed: false, policy: null }],
    ['an allow list that matches', { policies: { a: anyone } }, { allowed: true, policy: 'a' }],
    ['an allow list that does not', { policies: { a: post } }, { allowed: false, policy: null }],
    ['a deny list that matches', { action: 'DENY', policies: { a: anyone } }, { allowed: false, policy: 'a' }],
    ['a deny list that does not', { action: 'DENY', policies: { a: post } }, { allowed: true, policy: null }],
    [
      'the first by name decides',
      { action: 'DENY', policies: { b: anyone, a: anyone } },
      { allowed: false, policy: 'a' },
    ],
    ['LOG lets everybody pass', { action: 'LOG', policies: { a: anyone } }, { allowed: true, policy: 'a' }],
  ])('%s', (_name, rules, wants) => {
    expect(compileRbac(fromJson(RulesSchema, rules), 'rules')(get, noRuntime)).toMatchObject(wants);
  });
});

describe('filter', () => {
  const filter = (config: JsonObject) => createRbac(fromJson(RBACSchema, config), 'rbac', 'rbac');
  test.each<[name: string, config: JsonObject, details: string | undefined]>([
    ['no rules', {}, undefined],
    ['allowed', { rules: { policies: { a: anyone } } }, undefined],
    ['not allowed', { rules: {} }, 'rbac_access_denied_matched_policy[none]'],
    ['denied', { rules: { action: 'DENY', policies: { 'a b': anyone } } }, 'rbac_access_denied_matched_policy[a_b]'],
    ['shadow rules do not deny', { shadow_rules: {} }, undefined],
  ])('%s', (_name, config, details) => {
    const reply = filter(config).request!(testExchange(), testScope());
    expect(reply).toEqual(details && { status: 403, body: 'RBAC: access denied', details, flags: 0, headers: null });
  });

  test('shadow rules are noted', () => {
    const exchange = testExchange();
    filter({ shadow_rules: { action: 'DENY', policies: { a: anyone } } }).request!(exchange, testScope());
    expect(exchange.metadata?.get('envoy.filters.http.rbac')).toEqual({
      shadow_engine_result: 'denied',
      shadow_effective_policy_id: 'a',
    });
  });
});

describe('refused', () => {
  const deep = Array.from({ length: 40 }).reduce<JsonObject>((rule) => ({ not_rule: rule }), { any: true });
  test.each<[policy: JsonObject, wants: string]>([
    [{ permissions: [] }, 'rules.policies[p].permissions: is empty'],
    [{ principals: [] }, 'rules.policies[p].principals: is empty'],
    [{ permissions: [{}] }, 'rules.policies[p].permissions[0]: has no supported rule'],
    [{ permissions: [{ any: false }] }, 'rules.policies[p].permissions[0].any: must be true'],
    [{ permissions: [{ or_rules: {} }] }, 'rules.policies[p].permissions[0].or_rules.rules: is empty'],
    [{ permissions: [deep] }, 'is nested deeper than 32'],
    [
      { permissions: [{ destination_ip: { address_prefix: 'x' } }] },
      'rules.policies[p].permissions[0].destination_ip: ',
    ],
    [{ permissions: [{ destination_port_range: { start: 2, end: 2 } }] }, 'destination_port_range: is empty'],
    [{ principals: [{ custom: mtlsAuthenticated({}) }] }, 'principals[0].custom.typed_config: asks for nothing'],
    [
      { principals: [{ custom: mtlsAuthenticated({ san_matcher: { san_type: 'OTHER_NAME', matcher: {} } }) }] },
      'san_matcher.san_type: is not supported',
    ],
    [{ principals: [{ metadata: {} }] }, 'rules.policies[p].principals[0].metadata.filter: is empty'],
    [
      { principals: [{ and_ids: { ids: [{ any: true }, { authenticated: { principal_name: {} } }] } }] },
      'rules.policies[p].principals[0].and_ids.ids[1].authenticated.principal_name: has no pattern',
    ],
  ])('%j', (policy, wants) => {
    expect(() => holds(policy, request)).toThrow(wants);
  });
});
