// The gRPC side: what is asked, and what each answer does. The HTTP side is compared with Envoy.
import { create, fromJson, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { AnySchema, anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test, vi } from 'vitest';
import { ExtAuthzSchema } from '../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { type CheckRequest, CheckResponseSchema } from '../../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import type { UnaryOutcome } from '../../client/grpc-call.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import { peerTls, testExchange } from '../../testing/exchange.ts';
import { filterStream } from '../../testing/filter-stream.ts';
import { testScope } from '../../testing/scope.ts';
import { extAuthz } from './filter.ts';

type Outcome = UnaryOutcome<typeof CheckResponseSchema>;

const stream = filterStream();

function ask(outcome: Outcome, exchange: Exchange, config: JsonObject = {}) {
  const metadata = { LABELS: { app: 'web', n: 1 } };
  const scope = testScope({ node: { id: 'node', cluster: 'service', metadata } });
  let asked: CheckRequest | undefined;
  vi.spyOn(scope.client, 'grpc').mockImplementation((_method, _target, request, done) => {
    asked = request as unknown as CheckRequest;
    (done as unknown as (outcome: Outcome) => void)(outcome);
    return () => undefined;
  });
  const message = fromJson(ExtAuthzSchema, { grpc_service: { envoy_grpc: { cluster_name: 'auth' } }, ...config });
  const filter = extAuthz.chain.compile(create(AnySchema, anyPack(ExtAuthzSchema, message)), 'authz', 'f')!;
  const opened = filter.open!(exchange, scope, stream)!;
  const reply = opened.request!.head!(exchange.request, true);
  const response = { status: 200, headers: new HeaderMap() };
  opened.response!.head!(response, true);
  return { asked, reply, toClient: response.headers.fields };
}

const answer = (message: MessageInitShape<typeof CheckResponseSchema>): Outcome => ({
  kind: 'message',
  message: create(CheckResponseSchema, message),
});
const header = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });

test('everything about the request is told', () => {
  const exchange = testExchange(
    { method: 'POST', path: '/a?b', authority: 'shop', headers: ['x-a', '1', 'x-a', '2', 'cookie', 'c'] },
    { tls: peerTls({ sni: 'shop.test' }) },
  );
  exchange.metadata = new Map([
    ['jwt', { sub: 'ann' }],
    ['other', {}],
  ]);
  const config = {
    disallowed_headers: { patterns: [{ exact: 'cookie' }] },
    metadata_context_namespaces: ['jwt'],
    include_tls_session: true,
  };
  const { attributes } = ask(answer({}), exchange, config).asked!;
  expect(attributes).toMatchObject({
    source: {
      principal: 'spiffe://cluster.local/ns/shop/sa/web',
      address: { address: { value: { address: '10.1.2.3' } } },
    },
    destination: { principal: 'spiffe://cluster.local/ns/shop/sa/orders' },
    request: { http: { method: 'POST', path: '/a?b', host: 'shop', scheme: 'http', protocol: 'HTTP/1.1' } },
    metadataContext: { filterMetadata: { jwt: { sub: 'ann' } } },
    tlsSession: { sni: 'shop.test' },
  });
  expect(attributes!.request!.http!.headers).toEqual({
    ':authority': 'shop',
    ':method': 'POST',
    ':path': '/a?b',
    ':scheme': 'http',
    'x-a': '1,2',
  });
});

test('what it grants with', () => {
  const exchange = testExchange({ path: '/a?x=1&y=2', headers: ['x-old', '1', 'x-gone', '1'] });
  const okResponse = {
    headers: [
      header('x-user', 'ann', { append: false }),
      header('x-old', '2', { append: true }),
      header('host', 'evil'),
    ],
    headersToRemove: ['X-Gone', ':path'],
    responseHeadersToAdd: [header('x-granted', 'yes')],
    queryParametersToSet: [{ key: 'x', value: '9' }],
    queryParametersToRemove: ['y'],
  };
  const dynamicMetadata = { user: 'ann' };
  const { reply, toClient } = ask(
    answer({ httpResponse: { case: 'okResponse', value: okResponse }, dynamicMetadata }),
    exchange,
  );
  expect(reply).toBe(undefined);
  expect(exchange.request.headers.fields).toEqual(['x-old', '1,2', 'x-user', 'ann']);
  expect(exchange.request.path).toBe('/a?x=9');
  expect(toClient).toEqual(['x-granted', 'yes']);
  expect(exchange.metadata?.get('envoy.filters.http.ext_authz')).toEqual({ user: 'ann' });
});

test.each<[name: string, outcome: Outcome, config: JsonObject, wants: object | undefined]>([
  [
    'denied',
    answer({
      status: { code: 7 },
      httpResponse: {
        case: 'deniedResponse',
        value: { status: { code: 401 }, body: 'no', headers: [header('x-why', 'so')] },
      },
    }),
    {},
    { status: 401, body: Buffer.from('no'), details: 'ext_authz_denied', headers: new HeaderMap(['x-why', 'so']) },
  ],
  ['denied without words', answer({ status: { code: 16 } }), {}, { status: 403, details: 'ext_authz_denied' }],
  [
    'unreachable',
    { kind: 'status', status: { code: 14, message: '' } },
    {},
    { status: 403, details: 'ext_authz_error' },
  ],
  [
    'unreachable, with a status for it',
    { kind: 'status', status: { code: 14, message: '' } },
    { status_on_error: { code: 503 } },
    { status: 503 },
  ],
  [
    'unreachable, and open',
    { kind: 'status', status: { code: 4, message: '' } },
    { failure_mode_allow: true },
    undefined,
  ],
])('%s', (_name, outcome, config, wants) => {
  const { reply } = ask(outcome, testExchange(), config);
  if (wants === undefined) expect(reply).toBe(undefined);
  else expect(reply).toMatchObject(wants);
});

test.each<[name: string, outcome: Outcome, plain: string, text: string]>([
  [
    'refused',
    answer({
      status: { code: 7 },
      httpResponse: { case: 'deniedResponse', value: { status: { code: 401 }, headers: [header('x-why', 'so')] } },
    }),
    '{"check_result":"DENIED","status_code":401,"response_headers":[{"key":"x-why","value":"so"}]}',
    '{"checkResult":"DENIED","statusCode":401,"responseHeaders":[{"key":"x-why","value":"so"}]}',
  ],
  ['allowed', answer({}), '{"check_result":"OK","status_code":200}', '{"checkResult":"OK","statusCode":200}'],
])('in shadow a request goes on, and is told to be %s', (_name, outcome, plain, text) => {
  const exchange = testExchange();
  const { reply } = ask(outcome, exchange, { shadow_mode: true });
  expect(reply).toBeUndefined();
  expect(exchange.filterState?.get('authz.shadow')).toBe(plain);
  expect(exchange.stateObjects?.get('authz.shadow')?.text).toBe(text);
});

test('metadata is not noted where it is not wanted', () => {
  const exchange = testExchange();
  ask(answer({ dynamicMetadata: { user: 'ann' } }), exchange, { enable_dynamic_metadata_ingestion: false });
  expect(exchange.metadata).toBeNull();
});

test.each<[name: string, headers: number, length: number, reply: object | undefined]>([
  ['as many headers as a request may have', 96, 1, undefined],
  ['one more', 97, 1, { status: 500, details: 'ext_authz_invalid' }],
  ['more bytes', 1, 61_440, { status: 500, details: 'ext_authz_invalid' }],
])('a request is changed to %s', (_name, count, length, wants) => {
  const headers = Array.from({ length: count }, (_, i) => header(`x-${i}`, 'v'.repeat(length)));
  const { reply } = ask(answer({ httpResponse: { case: 'okResponse', value: { headers } } }), testExchange());
  if (wants === undefined) expect(reply).toBeUndefined();
  else expect(reply).toMatchObject(wants);
});

test.each<[name: string, details: string, config: JsonObject, wants: number]>([
  ['held to the limit', 'via_upstream', { enforce_response_header_limits: true }, 99],
  ['not of an answer of ours', 'direct_response', { enforce_response_header_limits: true }, 120],
  ['not held to it', 'via_upstream', {}, 120],
])('headers for the client are %s', (_name, details, config, wants) => {
  const exchange = testExchange();
  exchange.details = details;
  const responseHeadersToAdd = Array.from({ length: 120 }, (_, i) => header(`x-${i}`, 'v'));
  const ok = answer({ httpResponse: { case: 'okResponse', value: { responseHeadersToAdd } } });
  expect(ask(ok, exchange, config).toClient.length / 2).toBe(wants);
});

test('logs are told how long it took, and what was decided', () => {
  const exchange = testExchange();
  ask(answer({}), exchange, { emit_filter_state_stats: true, shadow_mode: true });
  const fieldOf = (name: string, field: string) => exchange.stateObjects?.get(name)?.fields.get(field);
  expect([fieldOf('authz', 'latency_us'), fieldOf('authz.shadow', 'check_result')]).toEqual(['0', 'OK']);
});

test('off in shadow, a denial is only told', () => {
  const exchange = testExchange();
  const off = { filter_enabled: { default_value: { numerator: 0 } }, deny_at_disable: { default_value: true } };
  const grpc_service = { envoy_grpc: { cluster_name: 'auth' } };
  const message = fromJson(ExtAuthzSchema, { grpc_service, shadow_mode: true, ...off });
  const filter = extAuthz.chain.compile(create(AnySchema, anyPack(ExtAuthzSchema, message)), 'authz', 'f')!;
  expect(filter.open!(exchange, testScope(), stream)).toBeNull();
  expect(exchange.filterState?.get('authz.shadow')).toBe('{"check_result":"DENIED","status_code":403}');
});

test('labels of this proxy are told', () => {
  const { asked } = ask(answer({}), testExchange(), { bootstrap_metadata_labels_key: 'LABELS' });
  expect(asked!.attributes!.destination!.labels).toEqual({ app: 'web', n: '' });
});
