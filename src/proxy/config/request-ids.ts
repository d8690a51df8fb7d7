// request_id_extension: ids are UUIDs, which may tell whether a request is traced.

import type { RequestIDExtension } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UuidRequestIdConfigSchema } from '../../xds/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import type { TracingConfig } from '../tracing/config.ts';
import { unpack } from './any.ts';
import { at } from './config-error.ts';

export function decodeRequestIds(extension: RequestIDExtension | undefined, path: string): TracingConfig['requestIds'] {
  if (extension?.typedConfig === undefined) return { packReason: true, decide: true };
  const config = unpack(extension.typedConfig, UuidRequestIdConfigSchema, at(path, 'typed_config'));
  return {
    packReason: config.packTraceReason ?? true,
    decide: config.useRequestIdForTraceSampling ?? true,
  };
}
