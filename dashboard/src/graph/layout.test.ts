import { expect, test } from 'vitest';
import { boxesOf, layoutKey } from './layout.ts';

const node = (id: string, app: string, boxed = true) => ({ id, namespace: id.split('/')[0] ?? '', app, boxed });

const boxIds = (...nodes: ReturnType<typeof node>[]): string[] => [...boxesOf(nodes).keys()];

test('versions of one app share a box, a single one has none', () => {
  expect(boxIds(node('shop/a-v1', 'a'), node('shop/a-v2', 'a'), node('shop/b', 'b'))).toEqual(['app:shop/a']);
});

test('namespaces have a box when there are several, around those of their apps', () => {
  const boxes = boxesOf([node('shop/a-v1', 'a'), node('shop/a-v2', 'a'), node('bank/a', 'a')]);
  expect([...boxes.keys()]).toEqual(['namespace:shop', 'app:shop/a', 'namespace:bank']);
  expect(boxes.get('app:shop/a')?.parent).toBe('namespace:shop');
});

test('what is no workload is in no box', () => {
  expect(boxIds(node('shop/a', 'a'), node('x/gateway', 'a', false))).toEqual([]);
});

test('the key changes with nodes and edges only', () => {
  const nodes = [node('shop/a', 'a')];
  const edge = { id: 'a>b', from: 'a', to: 'b' };
  expect(layoutKey({ nodes, edges: [edge] })).not.toBe(layoutKey({ nodes, edges: [] }));
  expect(layoutKey({ nodes: [node('shop/a', 'other')], edges: [] })).toBe(layoutKey({ nodes, edges: [] }));
});
