import { expect, test } from 'vitest';
import { istioReader } from './istio-reader.ts';

const ends =
  'source_workload="web",source_workload_namespace="shop",source_app="web",source_version="v1",' +
  'destination_workload="cart-v2",destination_workload_namespace="shop",destination_app="cart",destination_version="v2",' +
  'destination_service_name="cart",destination_service_namespace="shop"';
const line = (labels: string, value: number) => `istio_requests_total{${ends},${labels}} ${value}\n`;
/** Ends that `labels` say themselves are left out. */
const allLabels = (labels: string) => {
  const own = labels.split(',').map((label) => label.split('=')[0]);
  const rest = ends.split(',').filter((label) => !own.includes(label.split('=')[0]));
  return [...rest, labels].join(',');
};

test.each([
  ['succeeds', 'reporter="source",response_code="200",response_flags="-"', { requests: 5 }],
  ['is refused by the application', 'reporter="source",response_code="403",response_flags="-"', { requests: 5 }],
  ['fails', 'reporter="source",response_code="503",response_flags="UF"', { requests: 5, failed: 5 }],
  [
    'finds no endpoint',
    'reporter="source",destination_workload="unknown",response_code="503",response_flags="UH"',
    { requests: 5, failed: 5, unsent: 5 },
  ],
  [
    'finds no endpoint for another try',
    'reporter="source",response_code="503",response_flags="UH"',
    { requests: 5, failed: 5 },
  ],
  [
    'finds no endpoint behind the called side',
    'reporter="destination",destination_workload="unknown",response_code="503",response_flags="UH"',
    { requests: 5, failed: 5 },
  ],
  ['is denied', 'reporter="destination",response_code="403",response_flags="RBAC"', { requests: 5, denied: 5 }],
  [
    'is encrypted',
    'reporter="destination",response_code="200",connection_security_policy="mutual_tls"',
    { requests: 5, secure: 5 },
  ],
  [
    'is plain',
    'reporter="destination",response_code="404",connection_security_policy="none"',
    { requests: 5, plain: 5 },
  ],
  ['fails in gRPC', 'reporter="source",response_code="200",grpc_response_status="14"', { requests: 5, failed: 5 }],
])('counts a request that %s', (_name, labels, counts) => {
  const { readings, fault } = istioReader().read(`istio_requests_total{${allLabels(labels)}} 5\n`);
  expect(fault).toBeNull();
  expect(readings).toMatchObject([{ counts: { failed: 0, unsent: 0, denied: 0, secure: 0, plain: 0, ...counts } }]);
});

test('ends and service come from the labels, unknown is nothing', () => {
  const [reading] = istioReader().read(
    'istio_requests_total{reporter="source",source_workload="web",source_workload_namespace="shop",' +
      'destination_workload="unknown",destination_service_name="gone",destination_service_namespace="shop"} 1\n',
  ).readings;
  expect(reading?.flow).toEqual({
    reporter: 'source',
    source: { workload: 'web', namespace: 'shop', app: '', version: '' },
    destination: { workload: '', namespace: '', app: '', version: '' },
    service: { name: 'gone', namespace: 'shop' },
  });
});

test('codes of one flow add up, buckets too, and reading again starts from zero', () => {
  const bucket = (code: number, le: string, value: number) =>
    `istio_request_duration_milliseconds_bucket{${ends},reporter="source",response_code="${code}",le="${le}"} ${value}\n`;
  const text =
    line('reporter="source",response_code="200"', 3) +
    line('reporter="source",response_code="500"', 1) +
    bucket(200, '+Inf', 3) +
    bucket(200, '5', 2) +
    bucket(500, '5', 1) +
    bucket(500, '+Inf', 1);
  const reader = istioReader();
  for (let time = 0; time < 2; time++) {
    expect(reader.read(text).readings).toMatchObject([
      { counts: { requests: 4, failed: 1 }, latency: { bounds: [5, Infinity], cumulative: [3, 4] } },
    ]);
  }
});

test('a broken text gives no readings at all', () => {
  const { readings, fault } = istioReader().read(`${line('reporter="source",response_code="200"', 3)}<html>`);
  expect(readings).toEqual([]);
  expect(fault?.line).toBe(2);
});

test('series of other reporters and other metrics are left out', () => {
  expect(istioReader().read(`${line('reporter="waypoint"', 3)}other_total 5\n`).readings).toEqual([]);
});
