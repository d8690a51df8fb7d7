// Envoy's /config_dump: every resource as it was received, in use, warming or refused, without its secrets.
import { create, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { unreachable } from '../../lib/unreachable.ts';
import { types } from '../../xds/descriptors/types.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { type TypeUrl, typeUrl } from '../../xds/resource.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { SecretValue } from '../config/tls-types.ts';
import type { LoggedResource, LoggedVersion, ResourceLog } from '../discovery/resource-log.ts';
import type { StoredSecret } from '../discovery/secret-store.ts';
import { redact } from './redact.ts';

export type ConfigDumpInput = {
  readonly bootstrap: Bootstrap;
  readonly resources: ResourceLog;
  readonly secrets: readonly StoredSecret[];
};

/** The parts in Envoy's order. Endpoints only when asked for. */
export function dumpConfig(input: ConfigDumpInput, includeEndpoints: boolean): JsonObject {
  const { resources } = input;
  const parts = [
    dumpBootstrap(input.bootstrap),
    dumpClusters(resources),
    ...(includeEndpoints ? [dumpEndpoints(resources)] : []),
    dumpListeners(resources),
    dumpRoutes(resources),
    dumpSecrets(input.secrets),
  ];
  return { configs: parts.map((part) => redact(part)) };
}

const options = { registry: types, useProtoFieldName: true };
const typeOf = (name: string): string => `type.googleapis.com/envoy.admin.v3.${name}`;

function dumpBootstrap({ message }: Bootstrap): JsonObject {
  return { '@type': typeOf('BootstrapConfigDump'), bootstrap: toJson(BootstrapSchema, message, options) };
}

function dumpClusters(resources: ResourceLog): JsonObject {
  const entries = resources.entries(typeUrl.cluster);
  return {
    '@type': typeOf('ClustersConfigDump'),
    static_clusters: select(entries, 'active', isStatic, (one) => stateOf('cluster', typeUrl.cluster, one)),
    dynamic_active_clusters: dynamicStates(entries, 'active', 'cluster', typeUrl.cluster),
    dynamic_warming_clusters: dynamicStates(entries, 'warming', 'cluster', typeUrl.cluster),
  };
}

function dumpEndpoints(resources: ResourceLog): JsonObject {
  const entries = resources.entries(typeUrl.endpoints);
  return {
    '@type': typeOf('EndpointsConfigDump'),
    dynamic_endpoint_configs: dynamicStates(entries, 'active', 'endpoint_config', typeUrl.endpoints),
  };
}

function dumpListeners(resources: ResourceLog): JsonObject {
  const entries = resources.entries(typeUrl.listener);
  const state = (one: LoggedVersion): JsonObject => dynamicState('listener', typeUrl.listener, one);
  return {
    '@type': typeOf('ListenersConfigDump'),
    static_listeners: select(entries, 'active', isStatic, (one) => stateOf('listener', typeUrl.listener, one)),
    dynamic_listeners: entries
      .filter(([, entry]) => !isStatic(entry))
      .map(([name, { active, warming, error }]) => ({
        name,
        ...(active && { active_state: state(active) }),
        ...(warming && { warming_state: state(warming) }),
        ...(error && { error_state: errorState(typeUrl.listener, error) }),
      })),
  };
}

function dumpRoutes(resources: ResourceLog): JsonObject {
  const entries = resources.entries(typeUrl.routes);
  return {
    '@type': typeOf('RoutesConfigDump'),
    dynamic_route_configs: dynamicStates(entries, 'active', 'route_config', typeUrl.routes),
  };
}

function dumpSecrets(secrets: readonly StoredSecret[]): JsonObject {
  return {
    '@type': typeOf('SecretsConfigDump'),
    dynamic_active_secrets: secrets.map(({ name, value }) => ({
      name,
      secret: {
        '@type': typeUrl.secret,
        name,
        ...dumpSecret(value),
      },
    })),
  };
}

function dumpSecret(value: SecretValue): JsonObject {
  switch (value.kind) {
    case 'trust':
      return { validation_context: { trusted_ca: { inline_string: value.roots } } };
    case 'certificate': {
      const certificate_chain = { inline_string: value.chain };
      return { tls_certificate: { certificate_chain, private_key: { inline_string: '' } } };
    }
    case 'generic':
      return { generic_secret: { secret: { inline_string: '' } } };
    default:
      return unreachable(value);
  }
}

type Entries = readonly (readonly [string, LoggedResource])[];

/** Static resources have no version. */
export function isStatic({ active, warming, error }: LoggedResource): boolean {
  return (active ?? warming ?? error)?.version === '';
}

function select(
  entries: Entries,
  state: 'active' | 'warming',
  include: (entry: LoggedResource) => boolean,
  dump: (version: LoggedVersion) => JsonObject,
): JsonObject[] {
  return entries.flatMap(([, entry]) => {
    const version = entry[state];
    return version !== null && include(entry) ? [dump(version)] : [];
  });
}

function dynamicStates(entries: Entries, state: 'active' | 'warming', field: string, type: TypeUrl): JsonObject[] {
  return entries.flatMap(([, entry]): JsonObject[] => {
    const version = entry[state];
    if (version === null || isStatic(entry)) return [];
    const error: JsonObject =
      entry.error === null || state === 'warming' ? {} : { error_state: errorState(type, entry.error) };
    return [{ ...dynamicState(field, type, version), ...error }];
  });
}

function dynamicState(field: string, type: TypeUrl, version: LoggedVersion): JsonObject {
  return { version_info: version.version, ...stateOf(field, type, version) };
}

function stateOf(field: string, type: TypeUrl, { bytes, at }: LoggedVersion): JsonObject {
  return { [field]: resourceJson(type, bytes), last_updated: new Date(at).toISOString() };
}

function errorState(type: TypeUrl, error: NonNullable<LoggedResource['error']>): JsonObject {
  return {
    failed_configuration: resourceJson(type, error.bytes),
    last_update_attempt: new Date(error.at).toISOString(),
    details: error.detail,
    version_info: error.version,
  };
}

/** A refused resource may hold what nobody here can read. */
function resourceJson(type: TypeUrl, bytes: Uint8Array): JsonValue {
  try {
    return toJson(AnySchema, create(AnySchema, { typeUrl: type, value: bytes }), options);
  } catch {
    return { '@type': 'type.googleapis.com/google.protobuf.BytesValue', value: Buffer.from(bytes).toString('base64') };
  }
}
