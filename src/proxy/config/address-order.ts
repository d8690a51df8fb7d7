// HappyEyeballsConfig: in which order the addresses of one endpoint are tried.
import {
  UpstreamConnectionOptions_FirstAddressFamilyVersion as Family,
  type UpstreamConnectionOptions_HappyEyeballsConfig as HappyEyeballsConfig,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ConfigError } from './config-error.ts';

export type AddressOrder = {
  /** `any`: that of the first address there is. */
  readonly first: 'any' | 4 | 6;
  /** So many of it before each one of the other family. */
  readonly count: number;
};

/** One of each family in turn (RFC 8305, section 4). */
export const anyOrder: AddressOrder = { first: 'any', count: 1 };

const FIRST: Partial<Record<Family, AddressOrder['first']>> = {
  [Family.V4]: 4,
  [Family.V6]: 6,
};

export function decodeAddressOrder(config: HappyEyeballsConfig | undefined): AddressOrder {
  if (config === undefined) return anyOrder;
  const { firstAddressFamilyVersion: family, firstAddressFamilyCount: count = 1 } = config;
  const path = 'upstream_connection_options.happy_eyeballs_config';
  if (count < 1) throw new ConfigError(`${path}.first_address_family_count`, 'must be more than 0');
  return { first: FIRST[family] ?? 'any', count };
}
