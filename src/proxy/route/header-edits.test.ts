import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { entryFor, routed } from '../testing/routes.ts';
import type { RouteTable } from './table.ts';

describe('header edits', () => {
  const add = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD', more: JsonObject = {}) => ({
    header: { key, value },
    append_action,
    ...more,
  });
  const edited = (routes: RouteTable, headers: readonly string[] = []) => {
    const exchange = testExchange({ headers });
    const entry = entryFor(routes);
    if (entry.action.kind === 'forward') entry.action.pickCluster(exchange.request, 0).editRequest(exchange);
    entry.editRequest(exchange);
    return exchange.request.headers.fields;
  };

  test('no value of a level sees another of it', () => {
    const routes = routed({
      request_headers_to_add: [add('x-a', 'v'), add('x-a', '%REQ(X-A)%'), add('x-b', '%REQ(X-A)%')],
    });
    expect(edited(routes)).toEqual(['x-a', 'v']);
    expect(edited(routes, ['x-a', '1'])).toEqual(['x-a', '1', 'x-a', 'v', 'x-a', '1', 'x-b', '1']);
  });

  test.each<[name: string, options: JsonObject[], before: readonly string[], after: readonly string[]]>([
    ['append', [add('X', '2')], ['x', '1'], ['x', '1', 'x', '2']],
    ['add if absent, absent', [add('x', '2', 'ADD_IF_ABSENT')], [], ['x', '2']],
    ['add if absent, present', [add('x', '2', 'ADD_IF_ABSENT')], ['x', '1'], ['x', '1']],
    ['overwrite', [add('x', '2', 'OVERWRITE_IF_EXISTS_OR_ADD')], ['x', '1', 'x', '0'], ['x', '2']],
    ['overwrite if exists, absent', [add('x', '2', 'OVERWRITE_IF_EXISTS')], [], []],
    ['overwriting comes first', [add('x', 'a'), add('x', 'o', 'OVERWRITE_IF_EXISTS_OR_ADD')], [], ['x', 'o', 'x', 'a']],
    ['deprecated append', [{ header: { key: 'x', value: '2' }, append: false }], ['x', '1'], ['x', '2']],
    ['empty is left out', [add('x', '%REQ(none)%')], [], []],
    ['empty is kept on request', [add('x', '', 'ADD_IF_ABSENT', { keep_empty_value: true })], [], ['x', '']],
    [
      'a format',
      [add('x', '%REQ(:method)% 100%% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')],
      [],
      ['x', 'GET 100% 10.1.2.3'],
    ],
  ])('%s', (_name, request_headers_to_add, before, after) => {
    expect(edited(routed({ request_headers_to_add }), before)).toEqual(after);
  });

  test('removal comes before adding', () => {
    const routes = routed({ request_headers_to_remove: ['X'], request_headers_to_add: [add('x', 'new')] });
    expect(edited(routes, ['x', 'old'])).toEqual(['x', 'new']);
  });

  const level = (value: string) => ({
    request_headers_to_add: [add('x', value, 'OVERWRITE_IF_EXISTS_OR_ADD'), add('all', value)],
    response_headers_to_add: [add('all', value)],
  });
  const levels = (most_specific_header_mutations_wins: boolean) =>
    routed(
      {
        route: { weighted_clusters: { clusters: [{ name: 'c', weight: 1, ...level('cluster') }] } },
        ...level('route'),
      },
      { host: level('host'), config: { ...level('config'), most_specific_header_mutations_wins } },
    );
  test.each([
    [false, 'config', ['cluster', 'route', 'host', 'config']],
    [true, 'route', ['cluster', 'config', 'host', 'route']],
  ])('the order of levels, most specific wins: %s', (mostSpecific, winner, order) => {
    const fields = new HeaderMap([...edited(levels(mostSpecific))]);
    expect(fields.get('x')).toBe(winner);
    expect(fields.joined('all')).toBe(order.join(','));
  });

  test('of a response', () => {
    const exchange = testExchange();
    const head = { status: 200, headers: new HeaderMap(['server', 'app']) };
    const route = { response_headers_to_remove: ['server'], response_headers_to_add: [add('x', '%RESPONSE_CODE%')] };
    entryFor(routed(route)).editResponse(exchange, head);
    expect(head.headers.fields).toEqual(['x', '200']);
  });
});
