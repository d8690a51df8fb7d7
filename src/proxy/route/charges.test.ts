import { fromJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { RouteSchema, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { numbersOf } from '../http/statistics.ts';
import { requestHead } from '../testing/exchange.ts';
import { compileCharges, compileVirtualClusters } from './charges.ts';

const host = (...virtual_clusters: { name: string; headers: { name: string; present_match?: boolean }[] }[]) =>
  compileVirtualClusters(fromJson(VirtualHostSchema, { virtual_clusters }), 'v');
const route = (stat_prefix: string) => fromJson(RouteSchema, { stat_prefix });

/** Counts one try that was answered. */
function counted(charge: ReturnType<typeof compileCharges>, ...headers: string[]): Record<string, number> {
  const known = new Map<string, object>();
  const charges = charge!(requestHead({ headers }), (name, make) => {
    const stats = make();
    known.set(name, stats);
    return stats;
  });
  charges.count('total');
  charges.countResponse(503);
  charges.took(5);
  const all = [...known].flatMap(([name, stats]) => [...numbersOf(name, stats)]);
  return Object.fromEntries(all.filter(([, value]) => value > 0));
}

const figures = (scope: string) => ({
  [`${scope}.upstream_rq_total`]: 1,
  [`${scope}.upstream_rq_completed`]: 1,
  [`${scope}.upstream_rq_5xx`]: 1,
  [`${scope}.upstream_rq_503`]: 1,
});

describe('a request is counted', () => {
  const some = host(
    { name: 'first', headers: [{ name: 'x-a', present_match: true }] },
    { name: 'second', headers: [{ name: 'x-b' }] },
  );

  test.each([
    ['by its route', compileCharges(route('own'), 'h', null), [], ['vhost.h.route.own']],
    ['by its virtual cluster', compileCharges(route(''), 'h', some), ['x-b', '1'], ['vhost.h.vcluster.second']],
    [
      'by the first that fits',
      compileCharges(route(''), 'h', some),
      ['x-b', '1', 'x-a', '1'],
      ['vhost.h.vcluster.first'],
    ],
    ['as another', compileCharges(route(''), 'h', some), [], ['vhost.h.vcluster.other']],
    ['by both', compileCharges(route('own'), 'h', some), [], ['vhost.h.vcluster.other', 'vhost.h.route.own']],
  ])('%s', (_name, charge, headers, scopes) => {
    expect(counted(charge, ...headers)).toEqual(Object.assign({}, ...scopes.map(figures)));
  });

  test('by its cluster alone', () => {
    expect(compileCharges(route(''), 'h', host())).toBeNull();
  });
});

test.each([
  [{ name: '', headers: [{ name: 'x' }] }, 'v[0].name: is empty'],
  [{ name: 'n', headers: [] }, 'v[0].headers: is empty'],
])('%j is refused', (cluster, wants) => {
  expect(() => host(cluster)).toThrow(wants);
});
