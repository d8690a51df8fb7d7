// original_ip_detection_extensions → where the address of a client is found when it is not that of its connection.
import { isIP } from 'node:net';
import type { AddressTest } from '../../lib/cidr.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { HttpConnectionManager } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { CustomHeaderConfigSchema } from '../../xds/gen/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.ts';
import { XffConfigSchema } from '../../xds/gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.ts';
import type { HeaderMap } from '../http/headers.ts';
import { decodeRanges } from './address.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

type DetectedClient =
  | {
      /** null: the next one is asked. */
      readonly address: string | null;
      /** It may be one from inside. */
      readonly trusted: boolean;
      /** The address of the connection is added to X-Forwarded-For. */
      readonly appends: boolean;
    }
  /** The request is answered so. */
  | { readonly rejected: number };

/** `direct` is the address of the connection. */
export type ClientDetector = (headers: HeaderMap, direct: string) => DetectedClient;

/** null: X-Forwarded-For says it, by the rules of the connection manager. */
export function decodeDetectors(manager: HttpConnectionManager, path: string): readonly ClientDetector[] | null {
  const { originalIpDetectionExtensions: extensions } = manager;
  if (extensions.length === 0) return null;
  const here = at(path, 'original_ip_detection_extensions');
  if (manager.useRemoteAddress) throw new ConfigError(here, 'is set beside use_remote_address');
  if (manager.xffNumTrustedHops > 0) throw new ConfigError(here, 'is set beside xff_num_trusted_hops');
  return mapAt(extensions, here, decodeDetector);
}

function decodeDetector({ typedConfig }: TypedExtensionConfig, path: string): ClientDetector {
  const here = at(path, 'typed_config');
  if (typedConfig === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(typedConfig)) {
    case CustomHeaderConfigSchema.typeName: {
      const config = unpack(typedConfig, CustomHeaderConfigSchema, here);
      if (config.headerName === '') throw new ConfigError(at(here, 'header_name'), 'is empty');
      const status = config.rejectWithStatus?.code;
      const rejected = status === undefined ? NOBODY : { rejected: status >= 400 ? status : 403 };
      return ofHeader(config.headerName.toLowerCase(), config.allowExtensionToSetAddressAsTrusted, rejected);
    }
    case XffConfigSchema.typeName: {
      const config = unpack(typedConfig, XffConfigSchema, here);
      const appends = config.skipXffAppend === false;
      const { xffTrustedCidrs: trusted, xffNumTrustedHops: hops } = config;
      if (trusted === undefined) return ofHop(hops, appends);
      if (hops > 0) throw new ConfigError(at(here, 'xff_trusted_cidrs'), 'is set beside xff_num_trusted_hops');
      return beforeTrusted(decodeRanges(trusted.cidrs, at(here, 'xff_trusted_cidrs.cidrs')), appends);
    }
    default:
      throw unsupportedType(typedConfig, here);
  }
}

const NOBODY: DetectedClient = { address: null, trusted: false, appends: false };
/** Its address is added whatever is configured, as by Envoy. */
const STRANGER: DetectedClient = { address: null, trusted: false, appends: true };

function ofHeader(name: string, trusted: boolean, rejected: DetectedClient): ClientDetector {
  return (headers) => {
    const address = headers.get(name)?.trim() ?? '';
    return isIP(address) === 0 ? rejected : { address, trusted, appends: false };
  };
}

/** The address `hops` places from the right end. */
function ofHop(hops: number, appends: boolean): ClientDetector {
  return (headers) => {
    const all = forwarded(headers);
    const address = all.at(-1 - hops) ?? '';
    return { address: isIP(address) === 0 ? null : address, trusted: all.length === 1, appends };
  };
}

/** The last address that is none of ours, if the connection comes from one that is; the first where all are. */
function beforeTrusted(isTrusted: AddressTest, appends: boolean): ClientDetector {
  return (headers, direct) => {
    if (!isTrusted(direct)) return STRANGER;
    const all = forwarded(headers);
    const at = all.findLastIndex((address) => !isTrusted(address));
    const address = all[Math.max(at, 0)] ?? '';
    return { address: isIP(address) === 0 ? null : address, trusted: all.length === 1, appends };
  };
}

function forwarded(headers: HeaderMap): readonly string[] {
  return (
    headers
      .joined('x-forwarded-for')
      ?.split(',')
      .map((part) => part.trim()) ?? []
  );
}
