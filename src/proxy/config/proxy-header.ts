// ProxyProtocolConfig → what a PROXY header to an endpoint says.
import {
  type ProxyProtocolPassThroughTLVs as PassThrough,
  ProxyProtocolPassThroughTLVs_PassTLVsMatchType as PassType,
  type ProxyProtocolConfig,
  ProxyProtocolConfig_Version as Version,
} from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type { Tlv } from '../http/exchange.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** Which TLVs of a client's header are kept, by type. */
export type PassedTlvs = 'all' | readonly number[];

export type ProxyHeaderConfig = {
  readonly version: 1 | 2;
  readonly passes: PassedTlvs;
  /** One of each type. */
  readonly added: readonly Tlv[];
};

export function decodeProxyHeader(config: ProxyProtocolConfig | undefined, path: string): ProxyHeaderConfig {
  const added = mapAt(config?.addedTlvs ?? [], at(path, 'added_tlvs'), ({ type, value }, here): Tlv => {
    if (value.length === 0) throw new ConfigError(at(here, 'value'), 'is empty');
    return { type: tlvType(type, at(here, 'type')), value: Buffer.from(value) };
  });
  return {
    version: config?.version === Version.V2 ? 2 : 1,
    passes: decodePassed(config?.passThroughTlvs, at(path, 'pass_through_tlvs')),
    added: added.filter(({ type }, i) => added.findIndex((other) => other.type === type) === i),
  };
}

export function decodePassed(config: PassThrough | undefined, path: string): PassedTlvs {
  if (config === undefined) return [];
  const types = mapAt(config.tlvType, at(path, 'tlv_type'), tlvType);
  return config.matchType === PassType.INCLUDE ? types : 'all';
}

export function tlvType(type: number, path: string): number {
  if (type > 255) throw new ConfigError(path, `${type} is not a type (hint: 0-255)`);
  return type;
}
