import { expect, test } from 'vitest';
import { selectExposition } from './select-exposition.ts';
import { readQuery } from './statistics.ts';

const REQUESTS = `# HELP istio_requests_total Requests, by their ends.
# TYPE istio_requests_total counter
istio_requests_total{source_app="web",destination_app="cart"} 3
istio_requests_total{source_app="web",destination_app="pay"} 0
`;
const BYTES = `# HELP istio_request_bytes Bytes.
# TYPE istio_request_bytes histogram
istio_request_bytes_bucket{source_app="web",le="1"} 0
istio_request_bytes_bucket{source_app="web",le="+Inf"} 2
istio_request_bytes_sum{source_app="web"} 9
istio_request_bytes_count{source_app="web"} 2
`;
const OPEN = `# HELP istio_tcp_open Open ones.
# TYPE istio_tcp_open gauge
istio_tcp_open{source_app="a b"} 1
`;
const lines = (text: string, ...at: number[]) =>
  text
    .split('\n')
    .filter((_, i) => at.includes(i))
    .map((line) => `${line}\n`)
    .join('');

test.each([
  ['nothing asked', '', REQUESTS + BYTES + OPEN],
  ['a metric', 'filter=istio_requests_total', REQUESTS],
  ['a label', 'filter=cart', lines(REQUESTS, 0, 1, 2)],
  ['all but a metric', 'filter=istio_request&invert_filter', OPEN],
  ['nothing of that name', 'filter=envoy_', ''],
  ['buckets have no names of their own', 'filter=bucket', ''],
  ['all of a histogram', 'filter=_bytes.*web', BYTES],
  ['counters', 'type=Counters', REQUESTS],
  ['gauges', 'type=Gauges', OPEN],
  ['histograms', 'type=Histograms', BYTES],
  ['what was used', 'usedonly', lines(REQUESTS, 0, 1, 2) + BYTES + OPEN],
])('%s', (_name, query, wants) => {
  const wanted = readQuery(new URLSearchParams(query));
  if (typeof wanted === 'string') throw new Error(wanted);
  expect(selectExposition(REQUESTS + BYTES + OPEN, wanted)).toBe(wants);
});
