// `http_filters` of a cluster: what is done to requests on their way to an endpoint, once per try, and to what comes back.
import { HeaderMutationSchema } from '../../xds/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { UpstreamCodecSchema } from '../../xds/gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts';
import type { HttpFilter } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { compileHeadEdits, type HeadEdits } from '../filter/header-mutation.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** null: nothing is done. */
export function decodeUpstreamFilters(filters: readonly HttpFilter[], path: string): HeadEdits | null {
  if (filters.length === 0) return null;
  const last = filters.at(-1)?.configType;
  if (last?.case !== 'typedConfig' || typeNameOf(last.value) !== UpstreamCodecSchema.typeName)
    throw new ConfigError(path, `must end with the codec (hint: a ${UpstreamCodecSchema.typeName})`);
  unpack(last.value, UpstreamCodecSchema, `${path}[${filters.length - 1}].typed_config`);
  const edits = mapAt(filters.slice(0, -1), path, decodeUpstreamFilter).filter((one) => one !== null);
  if (edits.length === 0) return null;
  const inReverse = edits.toReversed();
  return {
    request(exchange) {
      for (const edit of edits) edit.request(exchange);
    },
    response(exchange, head) {
      for (const edit of inReverse) edit.response(exchange, head);
    },
  };
}

function decodeUpstreamFilter({ name, configType, isOptional, disabled }: HttpFilter, path: string): HeadEdits | null {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const here = at(path, 'typed_config');
  if (configType.case !== 'typedConfig') throw new ConfigError(here, 'is required');
  if (disabled) throw new ConfigError(at(path, 'disabled'), 'is not supported');
  if (typeNameOf(configType.value) === HeaderMutationSchema.typeName)
    return compileHeadEdits(unpack(configType.value, HeaderMutationSchema, here), name, here);
  if (isOptional) return null;
  throw unsupportedType(configType.value, here);
}
