import { expect, test } from 'vitest';
import type { Workload } from '../model/service.ts';
import type { FlowCounts, FlowDelta } from '../telemetry/flow.ts';
import { summarize } from './summary.ts';

const labels = (workload: string) => ({
  workload,
  namespace: workload === '' ? '' : 'shop',
  app: workload,
  version: '',
});
const none = { requests: 0, failed: 0, unsent: 0, denied: 0, secure: 0, plain: 0 };

/** What both proxies of `from` → `to` count. */
function flow(from: string, to: string, source: Partial<FlowCounts>, destination: Partial<FlowCounts>): FlowDelta[] {
  const ends = { source: labels(from), destination: labels(to), service: { name: to, namespace: 'shop' } };
  const rest = { seconds: 10, latency: { bounds: [], cumulative: [] } };
  return [
    { flow: { ...ends, reporter: 'source' }, counts: { ...none, ...source }, ...rest },
    { flow: { ...ends, reporter: 'destination' }, counts: { ...none, ...destination }, ...rest },
  ];
}

/** What the proxy of `from` counts of requests to a service of which no instance answered. */
function unanswered(from: string, service: string, counts: Partial<FlowCounts>): FlowDelta[] {
  return flow(from, service, counts, {})
    .slice(0, 1)
    .map((delta) => ({ ...delta, flow: { ...delta.flow, destination: labels('') } }));
}

const workload = (name: string, annotations: Record<string, string>): Workload => ({
  kind: 'Deployment',
  namespace: 'shop',
  name,
  labels: {},
  concurrency: null,
  annotations,
  serviceAccount: name,
  replicas: 1,
  ports: [],
  environment: [],
  origin: { dialect: 'kubernetes', group: '', kind: 'Deployment', namespace: 'shop', name, path: '', place: null },
});

const workloads = [
  workload('web', { 'tulle.dev/calls': 'cart, pay' }),
  workload('snoop', { 'tulle.dev/forbidden': 'pay' }),
  workload('cart', {}),
];
const good = [
  ...flow('web', 'cart', { requests: 90 }, { requests: 90, secure: 90 }),
  // The called side sees retries, and fails that they made good.
  ...flow('web', 'pay', { requests: 10 }, { requests: 13, failed: 3, secure: 13 }),
  ...flow('snoop', 'pay', { requests: 5 }, { requests: 5, denied: 5, secure: 5 }),
  // From outside the mesh: not between services.
  ...flow('', 'web', { requests: 7 }, { requests: 7, plain: 7 }),
];
const run = (totals: readonly FlowDelta[]) =>
  summarize({ totals, workloads, dialects: ['smi'], dashboard: 'http://x' });

test('adds up what went on between services', () => {
  expect(run(good)).toEqual({
    summary: {
      requests: 105,
      encrypted: 105,
      failed: 0,
      unsent: 0,
      denied: 5,
      workloads: 3,
      dialects: ['smi'],
      dashboard: 'http://x',
    },
    faults: [],
  });
});

test.each<[name: string, totals: FlowDelta[], faults: string[]]>([
  [
    'nothing at all',
    [],
    [
      'no request between services was seen',
      'web never reached cart',
      'web never reached pay',
      'snoop never tried pay',
    ],
  ],
  [
    'a failure',
    [...good, ...flow('cart', 'web', { requests: 2, failed: 1 }, { requests: 2, secure: 2 })],
    ['1 of 107 requests failed'],
  ],
  [
    'plain text',
    [...good, ...flow('cart', 'web', { requests: 3 }, { requests: 3, secure: 1, plain: 2 })],
    ['2 of 108 requests were not encrypted'],
  ],
  [
    'an unheard-of answer',
    [...good, ...flow('cart', 'web', { requests: 1 }, {})],
    ['1 of 106 requests were not encrypted'],
  ],
  [
    'a request that found nobody',
    [...good, ...flow('cart', 'web', { requests: 4, failed: 2, unsent: 1 }, { requests: 3, secure: 3 })],
    ['1 of 108 requests failed', '1 of 109 requests found nobody to go to'],
  ],
  [
    'a forbidden client that found nobody, and never asked',
    [
      ...good.filter(({ flow }) => flow.source?.workload !== 'snoop'),
      ...unanswered('snoop', 'pay', { requests: 2, failed: 2, unsent: 2 }),
    ],
    ['2 of 102 requests found nobody to go to', 'snoop never tried pay'],
  ],
  [
    'a forbidden client that found nobody, and then got through',
    [
      ...good,
      ...unanswered('snoop', 'pay', { requests: 2, failed: 2, unsent: 2 }),
      ...flow('snoop', 'pay', { requests: 1 }, { requests: 1, secure: 1 }),
    ],
    ['2 of 108 requests found nobody to go to', 'snoop reached pay 1 times'],
  ],
  [
    'plain text beside a request that found nobody',
    [
      ...good,
      ...unanswered('cart', 'web', { requests: 2, failed: 2, unsent: 2 }),
      ...flow('cart', 'web', { requests: 3 }, { requests: 3, secure: 1, plain: 2 }),
    ],
    ['2 of 110 requests found nobody to go to', '2 of 108 requests were not encrypted'],
  ],
  [
    'a client whose requests all found nobody',
    [
      ...good.filter(({ flow }) => flow.destination.workload !== 'cart'),
      ...unanswered('web', 'cart', { requests: 3, failed: 3, unsent: 3 }),
    ],
    ['3 of 18 requests found nobody to go to', 'web never reached cart'],
  ],
  [
    'a flow that is missing',
    good.filter(({ flow }) => flow.destination.workload !== 'cart'),
    ['web never reached cart'],
  ],
  [
    'a refusal where there should be none',
    [...good, ...flow('web', 'cart', { requests: 4 }, { requests: 4, denied: 4, secure: 4 })],
    ['web was denied cart 4 times'],
  ],
  [
    'a forbidden client that got through',
    [...good, ...flow('snoop', 'pay', { requests: 2 }, { requests: 2, secure: 2 })],
    ['snoop reached pay 2 times'],
  ],
])('%s is a fault', (_, totals, faults) => {
  expect(run(totals).faults).toEqual(faults);
});
