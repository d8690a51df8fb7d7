// upgrade_configs of a RouteAction → which protocols a request may switch to on this route, and whether CONNECT ends here.
import type { RouteAction_UpgradeConfig as UpgradeConfig } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { decodeProxyHeader } from '../config/proxy-header.ts';
import type { ForwardAction } from './table.ts';

export function compileUpgrades(
  configs: readonly UpgradeConfig[],
  path: string,
): Pick<ForwardAction, 'upgrades' | 'tunnel'> {
  const upgrades = new Map<string, boolean>();
  let tunnel: ForwardAction['tunnel'] = null;
  configs.forEach((config, i) => {
    const protocol = config.upgradeType.toLowerCase();
    const here = `${path}[${i}]`;
    if (protocol === '') throw new ConfigError(at(here, 'upgrade_type'), 'is empty');
    if (upgrades.has(protocol)) throw new ConfigError(at(here, 'upgrade_type'), `${protocol} comes twice`);
    upgrades.set(protocol, config.enabled ?? true);
    const { connectConfig } = config;
    if (connectConfig === undefined) return;
    if (protocol !== 'connect') throw new ConfigError(at(here, 'connect_config'), 'is for CONNECT only');
    const { allowPost, proxyProtocolConfig: header } = connectConfig;
    const headerPath = at(at(here, 'connect_config'), 'proxy_protocol_config');
    const ends = (method: string) => method === 'CONNECT' || (allowPost && method === 'POST');
    tunnel = { ends, proxyHeader: header === undefined ? null : decodeProxyHeader(header, headerPath) };
  });
  return { upgrades, tunnel };
}
