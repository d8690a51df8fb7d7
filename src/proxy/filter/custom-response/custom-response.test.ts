// Which policy answers; what is refused. The answers themselves are compared with Envoy.
import type { JsonObject } from '@bufbuild/protobuf';
import { fromJson } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { CustomResponseSchema } from '../../../xds/gen/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.ts';
import { LocalResponsePolicySchema } from '../../../xds/gen/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.ts';
import { HttpResponseStatusCodeMatchInputSchema } from '../../../xds/gen/envoy/type/matcher/v3/status_code_input_pb.ts';
import { HeaderMap } from '../../http/headers.ts';
import { forward, route } from '../../testing/configs.ts';
import { testExchange } from '../../testing/exchange.ts';
import { packed, registry } from '../../testing/resources.ts';
import { testScope } from '../../testing/scope.ts';
import type { FilterStream, HttpFilter } from '../filter.ts';
import { customResponse } from './filter.ts';

const config = (policies: Readonly<Record<string, JsonObject>>) =>
  anyPack(
    CustomResponseSchema,
    fromJson(
      CustomResponseSchema,
      {
        custom_response_matcher: {
          matcher_tree: {
            input: { name: 'in', typed_config: packed(HttpResponseStatusCodeMatchInputSchema) },
            exact_match_map: {
              map: Object.fromEntries(
                Object.entries(policies).map(([status, policy]) => [
                  status,
                  { action: { name: 'local', typed_config: packed(LocalResponsePolicySchema, policy) } },
                ]),
              ),
            },
          },
        },
      },
      { registry },
    ),
  );
const says = (text: string): JsonObject => ({ body: { inline_string: text } });

function answer(status: number, filter: HttpFilter, override: HttpFilter | null = null) {
  const exchange = testExchange();
  if (override !== null) exchange.route = route(forward('up'), { filters: new Map([['custom', override]]) });
  const head = { status, headers: new HeaderMap() };
  const outcome = filter.open!(exchange, testScope(), {} as FilterStream)!.response!.head!(head, false);
  return typeof outcome === 'object' ? `${outcome.status} ${outcome.body}` : outcome;
}

describe('the policy', () => {
  const chain = customResponse.chain.compile(config({ 404: says('chain'), 500: says('chain') }), 'custom', 'f')!;
  const host = customResponse.route!.compile(config({ 404: says('host'), 410: says('host') }), 'custom', 'f')!;
  const path = customResponse.route!.compile(config({ 404: says('path') }), 'custom', 'f', host)!;
  const cases: [string, number, HttpFilter | null, string | undefined][] = [
    ['of the chain', 404, null, '404 chain'],
    ['of the host', 404, host, '404 host'],
    ['of the route', 404, path, '404 path'],
    ['of the host, where the route has none', 410, path, '410 host'],
    ['of the chain, where the route has none', 500, path, '500 chain'],
    ['of nobody', 200, path, undefined],
  ];
  test.each(cases)('%s', (_name, status, override, said) => expect(answer(status, chain, override)).toBe(said));
});

describe('refused', () => {
  const cases: [string, JsonObject, string][] = [
    ['a status below', { status_code: 99 }, 'status_code: 99 is no status'],
    ['a status above', { status_code: 600 }, 'status_code: 600 is no status'],
    ['a format that cannot be read', { body_format: { text_format: '%NO(' } }, 'body_format'],
  ];
  test.each(cases)('%s', (_name, policy, message) =>
    expect(() => customResponse.chain.compile(config({ 404: policy }), 'custom', 'f')).toThrow(message),
  );
});
