// Layers of the runtime that a control plane sends (RTDS): each is a resource, asked for by its name at its own source.
import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../lib/clock.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import type { RuntimeLayer, RuntimeLayers } from '../bootstrap/runtime-layers.ts';
import { flatValues, type RuntimeValues } from '../bootstrap/runtime-values.ts';
import type { ConfigSource } from '../config/config-source.ts';
import type { ResourceHandler } from './apply.ts';
import { firstAnswer, type Subscription } from './subscriptions.ts';

export type RuntimeResourcesOptions = {
  readonly runtime: RuntimeLayers;
  readonly open: (source: ConfigSource, handler: ResourceHandler) => Subscription;
  readonly clock: Clock;
};

type SentLayer = Extract<RuntimeLayer, { readonly kind: 'rtds' }>;

/** Resolves when every layer has come, or was waited for long enough. */
export async function followRuntime({ runtime, open, clock }: RuntimeResourcesOptions): Promise<void> {
  const layers = runtime.layers.filter((layer) => layer.kind === 'rtds');
  const bySource = [...Map.groupBy(layers, ({ source }) => source.key).values()];
  await Promise.all(
    bySource.map(async (group) => {
      const { source } = group[0]!;
      const subscription = open(source, handlerOf(group, runtime));
      subscription.setNames(new Set(group.map(({ resource }) => resource)));
      await firstAnswer(subscription, source.fetchTimeout, clock);
    }),
  );
}

function handlerOf(layers: readonly SentLayer[], runtime: RuntimeLayers): ResourceHandler {
  const put = (resource: string, values: RuntimeValues): void =>
    runtime.set(layers.filter((layer) => layer.resource === resource).map(({ name }) => [name, values]));
  return {
    typeUrl: typeUrl.runtime,
    set: (bytes, name) => put(name, flatValues(fromBinary(RuntimeSchema, bytes).layer ?? {})),
    remove: (name) => put(name, new Map()),
  };
}
