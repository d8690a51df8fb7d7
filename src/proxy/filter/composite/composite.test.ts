// Filters behind a matcher, over real sockets: what takes part when, and what waits within a chain of filters.
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { afterEach, describe, expect, test } from 'vitest';
import { ExtensionWithMatcherSchema } from '../../../xds/gen/envoy/extensions/common/matching/v3/extension_matcher_pb.ts';
import { SkipFilterSchema } from '../../../xds/gen/envoy/extensions/filters/common/matcher/action/v3/skip_action_pb.ts';
import { BufferSchema } from '../../../xds/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../../../xds/gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import { HttpResponseStatusCodeMatchInputSchema } from '../../../xds/gen/envoy/type/matcher/v3/status_code_input_pb.ts';
import { MatcherSchema } from '../../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { cluster, forward, route } from '../../testing/configs.ts';
import { startProxy } from '../../testing/harness.ts';
import { openClient, startEcho } from '../../testing/origin.ts';
import type { FilterStream, HttpFilter } from '../filter.ts';
import { compileFilter } from '../registry.ts';
import { compileFilterMatcher, type FilterMatch } from './action.ts';
import { composite } from './composite.ts';
import { extensionMatcher } from './extension-matcher.ts';
import { nestFilters } from './nested-chain.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function post(filters: HttpFilter[], body = 'abc', header = 'x: y'): Promise<string> {
  const up = await startEcho();
  const proxy = await startProxy({ '/': route(forward('up')) }, [cluster('up', [up.port])], { filters });
  const client = openClient(proxy.port);
  open.push({ close: () => client.socket.destroy() }, { close: () => proxy.dataPlane.close() }, up);
  client.write(
    `POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n${header}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return client.ended();
}

/** Notes every call, passes everything on; `late`: its heads wait for a turn of the loop. */
const witness = (name: string, seen: string[], late: 'hold' | null = null): HttpFilter => {
  const waits = (go: () => void, stream: FilterStream) => {
    if (late !== null) setImmediate(() => stream.run(go));
    return late ?? undefined;
  };
  return {
    name,
    open: (_exchange, _scope, stream) => ({
      request: {
        head() {
          seen.push(`${name} >`);
          return waits(() => stream.request.proceed(), stream);
        },
        data(chunk) {
          seen.push(`${name} > ${chunk}`);
          stream.request.write(chunk);
        },
        end(trailers) {
          seen.push(`${name} > end`);
          stream.request.finish(trailers);
        },
      },
      response: {
        head() {
          seen.push(`${name} <`);
          return waits(() => stream.response.proceed(), stream);
        },
        end(trailers) {
          seen.push(`${name} < end`);
          stream.response.finish(trailers);
        },
      },
      done: () => void seen.push(`${name} done`),
    }),
  };
};

const pack = <Desc extends DescMessage>(schema: Desc, value: MessageInitShape<Desc>): Any =>
  anyPack(schema, create(schema, value));
const pick = <Desc extends DescMessage>(schema: Desc, fields: MessageInitShape<Desc>, entries: Record<string, Any>) =>
  create(MatcherSchema, {
    matcherType: {
      case: 'matcherTree',
      value: {
        input: { name: 'in', typedConfig: pack(schema, fields) },
        treeType: {
          case: 'exactMatchMap',
          value: {
            map: Object.fromEntries(
              Object.entries(entries).map(([key, typedConfig]) => [
                key,
                { onMatch: { case: 'action' as const, value: { name: key, typedConfig } } },
              ]),
            ),
          },
        },
      },
    },
  });
const byHeader = (entries: Record<string, Any>) =>
  pick(HttpRequestHeaderMatchInputSchema, { headerName: 'x-pick' }, entries);
const byStatus = (entries: Record<string, Any>) => pick(HttpResponseStatusCodeMatchInputSchema, {}, entries);
const skip = pack(SkipFilterSchema, {});
/** An action for the filter that `compile` gives for any configuration. */
const run = pack(ExecuteFilterActionSchema, { typedConfig: { name: 'one', typedConfig: skip } });
const named = (filterChainName: string) => pack(ExecuteFilterActionSchema, { filterChainName });

const inFront = (inner: HttpFilter, xdsMatcher: ReturnType<typeof byHeader> | undefined): HttpFilter =>
  extensionMatcher(() => inner).chain.compile(
    pack(ExtensionWithMatcherSchema, { xdsMatcher, extensionConfig: { name: 'inner', typedConfig: skip } }),
    'picks',
    '',
  )!;
const chosen = (
  inner: HttpFilter,
  matcher: ReturnType<typeof byHeader>,
  more: MessageInitShape<typeof CompositeSchema> = {},
): HttpFilter => composite(() => inner).chain.compile(pack(CompositeSchema, { matcher, ...more }), 'composite', '')!;

describe('a chain in the place of a filter', () => {
  test.each([null, 'hold'] as const)('passes both ways in order; heads that wait: %s', async (late) => {
    const seen: string[] = [];
    const chain = nestFilters([witness('a', seen, late), witness('b', seen, late)], 'chain');
    expect(await post([chain, witness('after', seen)])).toMatch(/^HTTP\/1.1 200(.|\s)*abc$/);
    const heads = seen.filter((one) => / [<>]$/.test(one));
    expect(heads).toEqual(['a >', 'b >', 'after >', 'after <', 'b <', 'a <']);
    const ends = seen.filter((one) => one.endsWith('end'));
    expect(ends).toEqual(['a > end', 'b > end', 'after > end', 'after < end', 'b < end', 'a < end']);
    expect(seen.filter((one) => one.endsWith('done'))).toEqual(['a done', 'b done', 'after done']);
    expect(seen).toContain('b > abc');
  });

  test('a filter that is asked later, and one that answers', async () => {
    const seen: string[] = [];
    const waits: HttpFilter = { name: 'waits', request: () => Promise.resolve(undefined) };
    const refuses: HttpFilter = {
      name: 'refuses',
      request: () => Promise.resolve({ status: 418, body: 'no', details: 'refused', flags: 0, headers: null }),
    };
    const reply = await post([nestFilters([waits, refuses, witness('b', seen)], 'chain'), witness('after', seen)]);
    expect(reply).toMatch(/^HTTP\/1.1 418(.|\s)*no$/);
    expect(seen).not.toContain('b >');
    expect(seen).toEqual(expect.arrayContaining(['after <', 'b <']));
  });

  test('an exception of a filter that is asked later ends its request only', async () => {
    const fails: HttpFilter = { name: 'fails', request: () => Promise.reject(new Error('broken')) };
    expect(await post([nestFilters([fails], 'chain')])).toMatch(/^HTTP\/1.1 500/);
  });

  test('a body of more than is held on the way', async () => {
    const seen: string[] = [];
    const body = 'x'.repeat(300_000);
    const buffer = compileFilter(pack(BufferSchema, { maxRequestBytes: 1_000_000 }), 'buffer', '');
    const chain = nestFilters([witness('a', seen, 'hold'), buffer, witness('b', seen)], 'chain');
    expect((await post([chain], body)).endsWith(body)).toBe(true);
  });
});

describe('a filter behind a matcher', () => {
  const cases: [string, ReturnType<typeof byHeader> | undefined, string, boolean][] = [
    ['takes part where nothing matches', byHeader({ no: skip }), 'x-pick: yes', true],
    ['is skipped', byHeader({ yes: skip }), 'x-pick: yes', false],
    ['is skipped without a matcher', undefined, 'x-pick: yes', false],
  ];
  test.each(cases)('%s', async (_name, matcher, header, takesPart) => {
    const seen: string[] = [];
    await post([inFront(witness('a', seen), matcher)], 'abc', header);
    expect(seen.length > 0).toBe(takesPart);
  });

  test('is skipped from the response on', async () => {
    const seen: string[] = [];
    await post([inFront(witness('a', seen), byStatus({ 200: skip }))]);
    expect(seen).toEqual(['a >', 'a > abc', 'a > end', 'a done']);
  });
});

describe('composite', () => {
  test('is what is chosen by the request', async () => {
    const seen: string[] = [];
    await post([chosen(witness('a', seen), byHeader({ yes: run }))], 'abc', 'x-pick: yes');
    expect(seen).toEqual(['a >', 'a > abc', 'a > end', 'a <', 'a < end', 'a done']);
  });

  test('is what is chosen by the response, from then on', async () => {
    const seen: string[] = [];
    await post([chosen(witness('a', seen), byStatus({ 200: run }))]);
    expect(seen).toEqual(['a <', 'a < end', 'a done']);
  });

  test.each([
    ['known', 12],
    ['unknown', 0],
  ])('is the chain of the name %s', async (name, calls) => {
    const seen: string[] = [];
    const two = { typedConfig: [0, 1].map((nth) => ({ name: `f${nth}`, typedConfig: skip })) };
    const filter = chosen(witness('a', seen), byHeader({ yes: named(name) }), { namedFilterChains: { known: two } });
    await post([filter], 'abc', 'x-pick: yes');
    expect(seen.length).toBe(calls);
  });
});

describe('refused', () => {
  const action =
    (value: object): (() => FilterMatch) =>
    () =>
      compileFilterMatcher(byHeader({ a: pack(ExecuteFilterActionSchema, value) }), 'f', compileFilter, 'here');
  const filter = { name: 'one', typedConfig: skip };
  const cases: [string, () => unknown, string][] = [
    ['no choice', action({}), 'typed_config: needs one of typed_config, filter_chain and filter_chain_name'],
    ['two choices', action({ typedConfig: filter, filterChainName: 'a' }), 'needs one of typed_config'],
    ['an empty chain', action({ filterChain: {} }), 'filter_chain.typed_config: is empty'],
    ['a filter without a name', action({ typedConfig: { typedConfig: skip } }), 'typed_config.name: is empty'],
    [
      'no filter',
      action({ typedConfig: filter }),
      'type envoy.extensions.filters.common.matcher.action.v3.SkipFilter is not supported',
    ],
    ['a source of filters', action({ dynamicConfig: { name: 'a' } }), 'dynamic_config: is not supported'],
    [
      'nothing behind a matcher',
      () => compileFilter(pack(ExtensionWithMatcherSchema, {}), 'f', 'here'),
      'here.extension_config.typed_config: is required',
    ],
    [
      'a named chain of nothing',
      () => compileFilter(pack(CompositeSchema, { namedFilterChains: { a: {} } }), 'f', 'here'),
      'here.named_filter_chains[a].typed_config: is empty',
    ],
  ];
  test.each(cases)('%s', (_name, compile, message) => expect(compile).toThrow(message));
});
