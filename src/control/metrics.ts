// The control plane's own metrics, in Prometheus' text format and, where they mean the same, under Istio's names.
import type { SnapshotCache } from '../xds/cache.ts';
import type { LoopState } from './loop.ts';

export function controlMetrics(state: LoopState, cache: SnapshotCache): string {
  const connected = cache.nodes().filter((node) => cache.status(node)?.connected === true).length;
  const errors = state.problems.filter(({ severity }) => severity === 'error').length;
  return [
    gauge('pilot_xds', 'Proxies connected.', connected),
    gauge('pilot_services', 'Services in the mesh.', state.fragment.services.length),
    gauge('tulle_objects', 'Objects read.', state.objects.length),
    gauge('tulle_problems', 'Problems of severity error.', errors),
    gauge('tulle_plans', 'Proxies planned for.', state.plans.length),
    metric('tulle_control_failures_total', 'counter', 'Stages that a bug ended.', state.failures),
    ...Object.entries(state.durations).map(([stage, milliseconds]) =>
      gauge(`tulle_${stage}_milliseconds`, `What the stage "${stage}" took last.`, milliseconds),
    ),
  ].join('');
}

const gauge = (name: string, help: string, value: number): string => metric(name, 'gauge', help, value);

const metric = (name: string, type: string, help: string, value: number): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`;
