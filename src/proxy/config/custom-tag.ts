// CustomTag → what it reads off an exchange.
import type { MetadataKind } from '../../xds/gen/envoy/type/metadata/v3/metadata_pb.ts';
import type { CustomTag as CustomTagMessage } from '../../xds/gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** Undefined: nothing to say. */
export type CustomTag = { readonly tag: string; read(exchange: Exchange): string | undefined };

export function decodeCustomTag({ tag, type }: CustomTagMessage, path: string): CustomTag {
  if (tag === '') throw new ConfigError(at(path, 'tag'), 'is empty');
  switch (type.case) {
    case 'literal': {
      const { value } = type.value;
      if (value === '') throw new ConfigError(at(path, 'literal.value'), 'is empty');
      return { tag, read: () => value };
    }
    case 'environment': {
      const { name, defaultValue } = type.value;
      if (name === '') throw new ConfigError(at(path, 'environment.name'), 'is empty');
      const value = process.env[name] ?? defaultValue;
      return { tag, read: () => value || undefined };
    }
    case 'requestHeader': {
      const { name, defaultValue } = type.value;
      if (name === '') throw new ConfigError(at(path, 'request_header.name'), 'is empty');
      const header = name.toLowerCase();
      return { tag, read: ({ request }) => (request.headers.get(header) ?? defaultValue) || undefined };
    }
    case 'metadata': {
      const { kind, metadataKey, defaultValue } = type.value;
      const here = at(path, 'metadata');
      if (metadataKey === undefined || metadataKey.key === '') {
        throw new ConfigError(at(here, 'metadata_key.key'), 'is required');
      }
      const root = rootOf(kind, at(here, 'kind'));
      const keys = mapAt(metadataKey.path, at(here, 'metadata_key.path'), ({ segment }, there) => {
        if (segment.case !== 'key' || segment.value === '') throw new ConfigError(at(there, 'key'), 'is required');
        return segment.value;
      });
      return { tag, read: (exchange) => textOf(root(exchange, metadataKey.key), keys, defaultValue) };
    }
    case 'value': {
      const write = compileFormat(bytesOf(type.value), at(path, 'value'), { missing: '' });
      return { tag, read: (exchange) => write(exchange, exchange.response, 0) || undefined };
    }
    default:
      throw new ConfigError(path, 'has no type');
  }
}

type Root = (exchange: Exchange, namespace: string) => unknown;

function rootOf(kind: MetadataKind | undefined, path: string): Root {
  switch (kind?.kind.case) {
    case 'request':
      return (exchange, namespace) => exchange.metadata?.get(namespace);
    case 'route':
      return (exchange, namespace) => exchange.route?.metadata[namespace];
    case 'cluster':
      return (exchange, namespace) => exchange.clusterMetadata?.[namespace];
    case 'host':
      return (exchange, namespace) => exchange.endpoint?.metadata[namespace];
    default:
      throw new ConfigError(path, 'is required');
  }
}

function textOf(root: unknown, keys: readonly string[], fallback: string): string | undefined {
  let value = root;
  for (const key of keys) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  if (value === undefined || value === null) return fallback || undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
