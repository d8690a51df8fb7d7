// HttpUri → where a call of the proxy's own goes.
import type { HttpUri } from '../../xds/gen/envoy/config/core/v3/http_uri_pb.ts';
import { at, ConfigError } from './config-error.ts';
import { millis } from './values.ts';

export type HttpUriConfig = {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  readonly cluster: string;
  /** Milliseconds. */
  readonly timeout: number;
};

export function decodeHttpUri(uri: HttpUri | undefined, path: string): HttpUriConfig {
  if (uri === undefined) throw new ConfigError(path, 'is required');
  const parts = /^(?:(https?):\/\/)?([^/?#]+)(\/[^#]*)?$/i.exec(uri.uri);
  if (parts === null) throw new ConfigError(at(path, 'uri'), `${uri.uri} is no URL`);
  if (uri.httpUpstreamType.case !== 'cluster' || uri.httpUpstreamType.value === '')
    throw new ConfigError(at(path, 'cluster'), 'is required');
  if (uri.timeout === undefined) throw new ConfigError(at(path, 'timeout'), 'is required');
  return {
    scheme: parts[1]?.toLowerCase() === 'https' ? 'https' : 'http',
    authority: parts[2]!,
    path: parts[3] ?? '/',
    cluster: uri.httpUpstreamType.value,
    timeout: millis(uri.timeout, 0, at(path, 'timeout')),
  };
}
