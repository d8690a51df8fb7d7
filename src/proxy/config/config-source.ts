// Where a referenced resource comes from.
import { ApiVersion, type ConfigSource as Message } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeStreamSource, type StreamSource } from './stream-source.ts';
import { millis } from './values.ts';

export type ConfigSource = {
  /** Tells sources apart. */
  readonly key: string;
  readonly place:
    | { readonly kind: 'bootstrap' }
    | { readonly kind: 'ads' }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'stream'; readonly stream: StreamSource };
  /** Milliseconds after which who waits for a first answer goes on without; 0 is never. */
  readonly fetchTimeout: number;
};

const FETCH_TIMEOUT = 15_000;

export const adsSource: ConfigSource = { key: 'ads', place: { kind: 'ads' }, fetchTimeout: FETCH_TIMEOUT };
/** The static resources themselves. */
export const bootstrapSource: ConfigSource = { key: '', place: { kind: 'bootstrap' }, fetchTimeout: FETCH_TIMEOUT };

export function decodeSource(source: Message | undefined, path: string): ConfigSource {
  if (source === undefined) throw new ConfigError(path, 'is required');
  if (source.resourceApiVersion === ApiVersion.V2)
    throw new ConfigError(at(path, 'resource_api_version'), 'must be V3');
  const fetchTimeout = millis(source.initialFetchTimeout, FETCH_TIMEOUT, at(path, 'initial_fetch_timeout'));
  return { ...decodePlace(source, path), fetchTimeout };
}

/** As it stands in a request. Names of the new form say where they come from themselves, which is not followed here. */
export function plainName(name: string, path: string): string {
  if (name.startsWith('xdstp:')) throw new ConfigError(path, 'xdstp names are not supported');
  return name;
}

function decodePlace({ configSourceSpecifier: specifier }: Message, path: string): Omit<ConfigSource, 'fetchTimeout'> {
  switch (specifier.case) {
    case 'ads':
      return { key: adsSource.key, place: adsSource.place };
    case 'path':
      return fileSource(specifier.value, at(path, 'path'));
    case 'pathConfigSource':
      return fileSource(specifier.value.path, at(path, 'path_config_source.path'));
    case 'apiConfigSource': {
      const stream = decodeStreamSource(specifier.value, at(path, 'api_config_source'));
      const { cluster } = stream.target;
      return { key: stream.protocol === 'delta' ? `${cluster} (delta)` : cluster, place: { kind: 'stream', stream } };
    }
    default:
      throw new ConfigError(path, 'has no supported source');
  }
}

function fileSource(file: string, path: string): Omit<ConfigSource, 'fetchTimeout'> {
  if (file === '') throw new ConfigError(path, 'is empty');
  return { key: file, place: { kind: 'file', path: file } };
}
