// `overload_manager` → OverloadConfig. Monitors and actions that are not there are refused.
import { anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import type {
  OverloadManager,
  ResourceMonitor,
  Trigger as TriggerMessage,
} from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';
import { DownstreamConnectionsConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts';
import { FixedHeapConfigSchema } from '../../xds/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.ts';
import type { Monitor, OverloadAction, OverloadConfig, Trigger } from '../overload/config.ts';
import { BootstrapError } from './bootstrap-error.ts';

const HERE = 'overload_manager';
const ACTIONS: readonly OverloadAction[] = [
  'stop_accepting_requests',
  'disable_http_keepalive',
  'stop_accepting_connections',
  'reject_incoming_connections',
  'shrink_heap',
];
const CONNECTIONS = 'envoy.resource_monitors.global_downstream_max_connections';

/** @throws BootstrapError */
export function readOverload(manager: OverloadManager | undefined): OverloadConfig | null {
  if (manager === undefined) return null;
  if (manager.loadshedPoints.length > 0) throw new BootstrapError(`${HERE}.loadshed_points: not supported`);
  let maxConnections: number | null = null;
  const monitors = manager.resourceMonitors.flatMap((monitor, at): Monitor[] => {
    const path = `${HERE}.resource_monitors[${at}]`;
    const limit = readConnections(monitor, path);
    if (limit === null) return [readHeap(monitor, path)];
    maxConnections = limit;
    return [];
  });
  const interval = manager.refreshInterval === undefined ? 1_000 : durationMs(manager.refreshInterval);
  if (!(interval > 0)) throw new BootstrapError(`${HERE}.refresh_interval: must be more than 0`);
  const known = new Set(monitors.map(({ name }) => name));
  return {
    refreshInterval: interval,
    monitors,
    maxConnections,
    actions: manager.actions.map(({ name, triggers, typedConfig }, at) => {
      const path = `${HERE}.actions[${at}]`;
      const action = ACTIONS.find((one) => name === `envoy.overload_actions.${one}`);
      if (action === undefined) throw new BootstrapError(`${path}.name: ${name} is not supported`);
      if (typedConfig !== undefined && action !== 'shrink_heap') {
        throw new BootstrapError(`${path}.typed_config: not supported`);
      }
      if (triggers.length === 0) throw new BootstrapError(`${path}.triggers: is empty`);
      return { name: action, triggers: triggers.map((one, i) => readTrigger(one, known, `${path}.triggers[${i}]`)) };
    }),
  };
}

/** null: a monitor of another kind. */
function readConnections({ name, configType }: ResourceMonitor, path: string): number | null {
  if (name !== CONNECTIONS) return null;
  const config = configType.value && anyUnpack(configType.value, DownstreamConnectionsConfigSchema);
  const limit = Number(config?.maxActiveDownstreamConnections ?? 0n);
  if (!(limit > 0))
    throw new BootstrapError(`${path}.typed_config.max_active_downstream_connections: must be more than 0`);
  return limit;
}

function readHeap({ name, configType }: ResourceMonitor, path: string): Monitor {
  const config = configType.value && anyUnpack(configType.value, FixedHeapConfigSchema);
  if (config === undefined) throw new BootstrapError(`${path}: ${name} is not supported`);
  if (config.maxHeapSizeBytes === 0n)
    throw new BootstrapError(`${path}.typed_config.max_heap_size_bytes: must be more than 0`);
  return { name, kind: 'memory', limit: Number(config.maxHeapSizeBytes) };
}

function readTrigger({ name, triggerOneof }: TriggerMessage, known: ReadonlySet<string>, path: string): Trigger {
  if (!known.has(name)) throw new BootstrapError(`${path}.name: no resource monitor is called ${name}`);
  switch (triggerOneof.case) {
    case 'threshold':
      return { monitor: name, scaling: triggerOneof.value.value, saturation: triggerOneof.value.value };
    case 'scaled': {
      const { scalingThreshold: scaling, saturationThreshold: saturation } = triggerOneof.value;
      if (scaling >= saturation)
        throw new BootstrapError(`${path}.scaled: scaling_threshold must be below saturation_threshold`);
      return { monitor: name, scaling, saturation };
    }
    default:
      throw new BootstrapError(`${path}: needs threshold or scaled`);
  }
}
