// Metrics as Prometheus' own parsers read them, in the text format and in OpenMetrics, with exemplars of traced requests.
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import type { ProxyUnderTest } from '../support/proxy-under-test.ts';
import { startStaticProxy } from '../support/static-proxy.ts';
import { findTool } from '../support/tool.ts';
import { ScriptedUpstream } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const client = findTool('prometheus-client');

/** Prints what a parser found in its input; a mistake in the format ends it with an error. */
const READER = `
import json, sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
read = openmetrics if sys.argv[1] == 'openmetrics' else parser
found = list(read.text_string_to_metric_families(sys.stdin.read()))
print(json.dumps([{'name': f.name, 'type': f.type, 'unit': f.unit, 'samples': [
  {'name': s.name, 'labels': s.labels, 'value': s.value, 'exemplar': s.exemplar and s.exemplar.labels} for s in f.samples]} for f in found]))
`;

type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar: Readonly<Record<string, string>> | null;
};
type Family = { readonly name: string; readonly type: string; readonly samples: readonly Sample[] };

describe.skipIf(client === null)('metrics', () => {
  let upstream: ScriptedUpstream;
  let proxy: ProxyUnderTest;
  beforeAll(async () => {
    upstream = await ScriptedUpstream.start('up');
    const [collector = 0] = await freePorts(1);
    const provider = {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
        http_service: { http_uri: { uri: `http://127.0.0.1:${collector}/v1/traces`, cluster: 'up', timeout: '1s' } },
      },
    };
    const started = await startStaticProxy(upstream.port, {
      manager: { tracing: { random_sampling: { value: 100 }, provider } },
    });
    proxy = started.proxy;
    for (let i = 0; i < 3; i++) await fetch(`http://127.0.0.1:${started.port}/"quoted\\${i}`);
    await waitFor('requests to be counted', async () => (await proxy.stat('http.front.downstream_rq_2xx')) === 3);
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await upstream?.stop();
  });

  test.each(['openmetrics', 'text'] as const)('in %s', async (format) => {
    const accept = format === 'text' ? 'text/plain' : 'application/openmetrics-text; version=1.0.0';
    const families = await parse(format, await proxy.scrape(accept));
    const byName = new Map(families.map((family) => [family.name, family]));
    // Of counters of the text format the parser takes `_total` off: `upstream_rq_total` and `upstream_rq` look alike then.
    if (format === 'openmetrics') expect(byName.size, 'each family once').toBe(families.length);
    expect(byName.get('istio_requests')).toMatchObject({ type: 'counter', samples: [{ value: 3 }] });
    expect(byName.get('envoy_http_downstream_cx_active')).toMatchObject({ type: 'gauge' });
    const duration = byName.get('envoy_http_downstream_rq_time')!;
    expect(duration.type).toBe('histogram');
    const front = duration.samples.filter(({ labels }) => labels.envoy_http_conn_manager_prefix === 'front');
    expect(front.find(({ labels }) => labels.le === '+Inf')).toMatchObject({ value: 3 });
    const exemplars = front.flatMap(({ exemplar }) => (exemplar === null ? [] : [Object.keys(exemplar)]));
    expect(exemplars).toEqual(format === 'text' ? [] : [['trace_id', 'span_id']]);
  });
});

function parse(format: string, text: string): Promise<readonly Family[]> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PYTHONPATH: client! };
    const child = execFile('python3', ['-c', READER, format], { env, maxBuffer: 2 ** 26 }, (failed, out) => {
      if (failed === null) resolve(JSON.parse(out) as Family[]);
      else reject(failed);
    });
    child.stdin!.end(text);
  });
}
