// What holds for every mesh, tried on every golden.
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { meshCases, readCase } from '../../test/support/mesh-case.ts';
import { encodePlan } from '../encode/plan.ts';
import type { Fragment } from '../model/fragment.ts';
import { objectKey } from '../model/origin.ts';
import { type MeshInput, planMesh } from './plan-mesh.ts';
import '../../test/support/same-cases.ts';

const cases = readdirSync(meshCases).sort();

describe.each(cases)('%s', (folder) => {
  const { input } = readCase(folder);

  test('the order of the input does not change the output', () => {
    const straight = planMesh(input);
    fc.assert(
      fc.property(shuffled(input), (other) => {
        expect(planMesh(other)).toEqual(straight);
      }),
      { numRuns: 20 },
    );
  });

  test('what is planned again without a change is the same object, and so are its bytes', () => {
    const first = planMesh(input);
    const again = planMesh({ ...structuredClone(input), previous: first.plans });
    expect(again.plans).toBe(first.plans);
    for (const plan of again.plans) {
      const [one, other] = [encodePlan(plan), encodePlan(plan)];
      for (const [type, byName] of one.resources) {
        for (const [name, resource] of byName) expect(other.resources.get(type)?.get(name)).toBe(resource);
      }
    }
  });

  test('every cluster that a route names is planned', () => {
    for (const plan of planMesh(input).plans) {
      const planned = new Set(plan.clusters.map(({ name }) => name));
      const tables = new Set(plan.routeTables.map(({ name }) => name));
      for (const listener of plan.listeners) {
        expect(listener.kind === 'inbound' ? planned.has(listener.cluster) : tables.has(listener.routeTable)).toBe(
          true,
        );
      }
      for (const { action } of plan.routeTables.flatMap((table) =>
        table.virtualHosts.flatMap(({ routes }) => routes),
      )) {
        if (action.kind === 'forward')
          for (const { cluster } of [...action.clusters, ...action.mirrors]) expect(planned).toContain(cluster);
      }
      expect(planned.size).toBe(plan.clusters.length);
      for (const { virtualHosts } of plan.routeTables) {
        const domains = virtualHosts.flatMap((host) => host.domains);
        expect(new Set(domains).size).toBe(domains.length);
      }
    }
  });
});

test('one object gone leaves what does not depend on it as it was', () => {
  const { input } = readCase('dangling');
  const without = (name: string): Fragment => ({
    ...input.fragment,
    routes: input.fragment.routes.filter(({ origin }) => objectKey(origin) !== name),
  });
  const whole = planMesh(input);
  const part = planMesh({
    ...input,
    fragment: without('VirtualService.networking.istio.io/shop/lost'),
    previous: whole.plans,
  });
  expect(part.plans).toBe(whole.plans);
  expect(whole.problems.length - part.problems.length).toBe(1);
});

test('an instance that becomes unready changes its own clusters and nothing else', () => {
  const { input } = readCase('weights');
  const before = planMesh(input);
  const instances = input.instances.map((each) => (each.name === 'catalog-v2-0' ? { ...each, ready: false } : each));
  const after = planMesh({ ...input, instances, previous: before.plans });
  const changed = after.plans.flatMap((plan, i) =>
    plan.clusters.filter((cluster) => !before.plans[i]?.clusters.includes(cluster)),
  );
  expect(changed.map(({ name }) => name)).toEqual([
    'outbound|80|v2|catalog.shop.svc.cluster.local',
    'outbound|80||catalog.shop.svc.cluster.local',
  ]);
  expect(after.plans.map(({ routeTables }, i) => routeTables === before.plans[i]?.routeTables)).toEqual([
    true,
    true,
    true,
  ]);
});

function shuffled(input: MeshInput): fc.Arbitrary<MeshInput> {
  const lists = Object.entries(input.fragment).map(([key, list]) =>
    shuffle(list as readonly unknown[]).map((other) => [key, other] as const),
  );
  return fc
    .tuple(fc.tuple(...lists), shuffle(input.instances), shuffle(input.gateways))
    .map(([parts, instances, gateways]) => ({
      ...input,
      fragment: Object.fromEntries(parts) as unknown as Fragment,
      instances,
      gateways,
    }));
}

const shuffle = <T>(list: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length });
