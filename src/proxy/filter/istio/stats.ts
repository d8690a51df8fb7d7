// The filter istio.stats: it does nothing to requests, and says how Istio's metrics are made of them.
import { PluginConfigSchema } from '../../../xds/gen/istio/stats/config_pb.ts';
import { compileMetricRules } from '../../log/metric-rules.ts';
import { compiler, type FilterKind } from '../define.ts';

export const istioStats: FilterKind = {
  chain: compiler(PluginConfigSchema, (config, name, path) => ({ name, metrics: compileMetricRules(config, path) })),
  route: null,
};
