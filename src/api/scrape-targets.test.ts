import { expect, test } from 'vitest';
import type { ProxyPlan } from '../mesh/plan.ts';
import type { RunningProxy } from './mesh-view.ts';
import { scrapeTargets } from './scrape-targets.ts';

const labels = (workload: string) => ({ workload, namespace: 'shop', app: 'cart', version: '' });
const name = 'outbound|80||cart.shop.svc.cluster.local';

function planWith(workloads: readonly string[]): ProxyPlan {
  const endpoints = workloads.map((workload) => ({ workload: labels(workload) }));
  const service = { name: 'cart', namespace: 'shop' };
  // Only what the targets read of a plan.
  const plan = {
    proxy: { id: 'n', workload: labels('web') },
    clusters: [{ kind: 'service', name, service, endpoints }],
  };
  return plan as unknown as ProxyPlan;
}

const proxy = (dataPlane: RunningProxy['dataPlane']): RunningProxy => ({
  name: 'web-0',
  namespace: 'shop',
  workload: 'web',
  nodeId: 'n',
  admin: { host: '127.0.0.1', port: 1 },
  dataPlane,
  pid: null,
});

const metrics = `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="${name}"} 5\n`;

test.each([
  ['the only workload behind it', ['cart'], 'cart'],
  ['replicas of one workload', ['cart', 'cart'], 'cart'],
  ['nothing in particular when there are several', ['cart-v1', 'cart-v2'], ''],
  ['nothing when there is none', [], ''],
])('a cluster of Envoy leads to %s', (_name, workloads, destination) => {
  const [target] = scrapeTargets({ plans: () => [planWith(workloads)], proxies: () => [proxy('envoy')] })();
  expect(target).toMatchObject({ name: 'n', host: '127.0.0.1', port: 1 });
  const [reading] = target?.reader.read(metrics).readings ?? [];
  expect(reading?.flow).toMatchObject({
    source: { workload: 'web' },
    destination: { workload: destination },
    service: { name: 'cart', namespace: 'shop' },
  });
});

test.each([
  ['tulle', true],
  ['envoy', false],
] as const)('the reader of %s stays when the plan changes: %s', (dataPlane, stays) => {
  let plan = planWith(['cart']);
  const targets = scrapeTargets({ plans: () => [plan], proxies: () => [proxy(dataPlane)] });
  const [before] = targets();
  expect(targets()[0]?.reader).toBe(before?.reader);
  plan = planWith(['cart']);
  expect(targets()[0]?.reader === before?.reader).toBe(stays);
});
