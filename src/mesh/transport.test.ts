// Beyond what one dialect's golden shows: levels within a dialect, strictness across dialects.
import { expect, test } from 'vitest';
import { emptyFragment } from '../model/fragment.ts';
import type { Dialect } from '../model/origin.ts';
import type { PolicyTarget, TransportMode, TransportPolicy } from '../model/policy.ts';
import { set, unset } from '../model/setting.ts';
import { port } from '../model/units.ts';
import { mergeMesh } from './merge.ts';
import type { Subject } from './subject.ts';
import { transportOf } from './transport.ts';

const subject: Subject = {
  namespace: 'shop',
  labels: { app: 'a' },
  serviceAccount: 'a',
  portNames: new Map([['web', 80]]),
  gateway: null,
  services: () => [],
};

const target = (part: Partial<PolicyTarget>): PolicyTarget => ({
  namespace: 'shop',
  workloads: { kind: 'all' },
  port: { kind: 'any' },
  ...part,
});
const mesh = target({ namespace: null });
const namespace = target({});
const workload = target({ workloads: { kind: 'labels', labels: { app: 'a' }, expressions: [] } });
const named = target({ port: { kind: 'name', name: 'web' } });
const account = target({ workloads: { kind: 'service-account', name: 'a' } });

type Row = readonly [PolicyTarget, TransportMode | null, Dialect?, string?];

const policy = ([where, mode, dialect = 'istio', created = '']: Row, i: number): TransportPolicy => ({
  target: where,
  mode: mode === null ? unset : set(mode),
  created,
  origin: { dialect, group: '', kind: 'Policy', namespace: 'shop', name: `p${i}`, path: '', place: null },
});

test.each<readonly [string, readonly Row[], TransportMode]>([
  ['nobody speaks', [], 'strict'],
  ['a policy without a mode', [[namespace, null]], 'permissive'],
  [
    'the namespace before the mesh',
    [
      [mesh, 'strict'],
      [namespace, 'disable'],
    ],
    'disable',
  ],
  [
    'the workload before the namespace',
    [
      [namespace, 'strict'],
      [workload, 'permissive'],
    ],
    'permissive',
  ],
  [
    'the port before the workload',
    [
      [workload, 'disable'],
      [named, 'strict'],
    ],
    'strict',
  ],
  [
    'unset inherits',
    [
      [mesh, 'strict'],
      [namespace, null],
      [account, null],
    ],
    'strict',
  ],
  [
    'the oldest of one level',
    [
      [namespace, 'disable', 'istio', '2026-01-02T00:00:00Z'],
      [namespace, 'strict', 'istio', '2026-01-01T00:00:00Z'],
    ],
    'strict',
  ],
  ['another namespace', [[target({ namespace: 'office' }), 'disable']], 'strict'],
  [
    'another workload',
    [[target({ workloads: { kind: 'labels', labels: { app: 'b' }, expressions: [] } }), 'disable']],
    'strict',
  ],
  ['another port', [[target({ port: { kind: 'number', port: port(81) } }), 'disable']], 'strict'],
  [
    'the strictest of two dialects',
    [
      [workload, 'permissive'],
      [namespace, 'strict', 'linkerd'],
    ],
    'strict',
  ],
  [
    'a lenient dialect does not loosen another',
    [
      [mesh, 'strict'],
      [workload, 'disable', 'linkerd'],
    ],
    'strict',
  ],
])('%s', (_, rows, expected) => {
  const merged = mergeMesh({ ...emptyFragment, transports: rows.map(policy) }, [], 'cluster.local', () => undefined);
  expect(transportOf(merged, subject, 80).mode).toBe(expected);
});
