// What is passed on of a good token: its payload and single claims in headers, payload and header in dynamic metadata.
import type {
  JwtClaimToHeader,
  JwtProvider,
} from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { Location } from './locations.ts';
import type { Json, Token } from './token.ts';

export type PassOn = (exchange: Exchange, token: Token, location: Location) => void;

const METADATA = 'envoy.filters.http.jwt_authn';

export function compileClaims(provider: JwtProvider, path: string): PassOn {
  const payloadHeader = provider.forwardPayloadHeader.toLowerCase();
  const headers = mapAt(provider.claimToHeaders, at(path, 'claim_to_headers'), compileClaimHeader);
  const split = provider.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [];
  return (exchange, token, location) => {
    const { request } = exchange;
    if (payloadHeader !== '') request.headers.set(payloadHeader, encoded(token, provider.padForwardPayloadHeader));
    for (const { name, path: segments } of headers) {
      const value = claimText(claimAt(token.payload, segments));
      if (value !== null) request.headers.set(name, value);
    }
    if (!provider.forward) location.remove(request);
    if (provider.payloadInMetadata !== '') note(exchange, provider.payloadInMetadata, normalized(token.payload, split));
    if (provider.headerInMetadata !== '') note(exchange, provider.headerInMetadata, token.header);
    if (provider.clearRouteCache) exchange.routeStale = true;
  };
}

function compileClaimHeader(
  { headerName, claimName, claimPath }: JwtClaimToHeader,
  path: string,
): { readonly name: string; readonly path: readonly string[] } {
  if (headerName === '') throw new ConfigError(at(path, 'header_name'), 'is empty');
  if (claimName === '' && claimPath.length === 0) throw new ConfigError(at(path, 'claim_name'), 'is empty');
  return {
    name: headerName.toLowerCase(),
    path: claimPath.length > 0 ? claimPath.map(({ key }) => key) : claimName.split('.'),
  };
}

function encoded(token: Token, padded: boolean): string {
  const text = token.encodedPayload;
  return padded ? text + '='.repeat((4 - (text.length % 4)) % 4) : text;
}

function claimAt(payload: Json, path: readonly string[]): unknown {
  let value: unknown = payload;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Json)[key];
  }
  return value;
}

/** Objects and lists go as base64 of their JSON. null: not passed on. */
function claimText(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return bytesOf(value);
    case 'boolean':
    case 'number':
      return String(value);
    case 'object':
      return value === null ? null : Buffer.from(JSON.stringify(value)).toString('base64');
    default:
      return null;
  }
}

function normalized(payload: Json, split: readonly string[]): Json {
  if (split.length === 0) return payload;
  const copy: Record<string, unknown> = { ...payload };
  for (const claim of split) {
    const value = copy[claim];
    if (typeof value === 'string') copy[claim] = value.split(' ').filter((part) => part !== '');
  }
  return copy;
}

export function note(exchange: Exchange, key: string, value: Json): void {
  exchange.metadata ??= new Map();
  exchange.metadata.set(METADATA, { ...(exchange.metadata.get(METADATA) as Json | undefined), [key]: value });
}
