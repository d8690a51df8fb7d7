// The filter envoy.filters.http.header_to_metadata: values of headers and cookies become dynamic metadata.
import {
  type Config,
  type Config_KeyValuePair,
  type Config_Rule,
  ConfigSchema,
  Config_ValueEncode as Encoding,
  Config_ValueType as ValueType,
} from '../../xds/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { cookieValue } from '../route/match/cookie.ts';
import { requestLookup } from '../route/match/header-matcher.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compileSubstitution } from '../route/rewrite.ts';
import { compiler, type FilterKind } from './define.ts';
import type { HttpFilter } from './filter.ts';

/** `pseudo`: the request, whose `:path` and the like count as headers. */
type Rule = (headers: HeaderMap, exchange: Exchange, pseudo: RequestHead | null) => void;
type Write = (value: string, exchange: Exchange) => void;

const DEFAULT_NAMESPACE = 'envoy.filters.http.header_to_metadata';
/** Longer values are left out, as by Envoy. */
const LONGEST = 8_192;

export const headerToMetadata: FilterKind = {
  chain: compiler(ConfigSchema, createHeaderToMetadata),
  route: compiler(ConfigSchema, createHeaderToMetadata),
};

function createHeaderToMetadata(config: Config, name: string, path: string): HttpFilter {
  const request = mapAt(config.requestRules, at(path, 'request_rules'), compileRule);
  const response = mapAt(config.responseRules, at(path, 'response_rules'), compileRule);
  return {
    name,
    request(exchange) {
      for (const rule of request) rule(exchange.request.headers, exchange, exchange.request);
      return undefined;
    },
    response(exchange, head) {
      for (const rule of response) rule(head.headers, exchange, null);
    },
  };
}

function compileRule(rule: Config_Rule, path: string): Rule {
  const { header, cookie, remove } = rule;
  if ((header === '') === (cookie === '')) throw new ConfigError(path, 'needs either header or cookie');
  if (remove && cookie !== '') throw new ConfigError(at(path, 'remove'), 'is for headers only');
  const present = compileWrite(rule.onHeaderPresent, at(path, 'on_header_present'), false);
  const missing = compileWrite(rule.onHeaderMissing, at(path, 'on_header_missing'), true);
  if (present === null && missing === null)
    throw new ConfigError(path, 'has neither on_header_present nor on_header_missing');
  const name = header.toLowerCase();
  const lookup = requestLookup(name);
  const find = (headers: HeaderMap, pseudo: RequestHead | null) => {
    if (name === '') return cookieValue(headers, bytesOf(cookie));
    return pseudo === null ? headers.joined(name) : lookup(pseudo);
  };
  return (headers, exchange, pseudo) => {
    const value = find(headers, pseudo);
    if (value === undefined) missing?.('', exchange);
    else if (present !== null) {
      present(value, exchange);
      if (remove) headers.remove(name);
    }
  };
}

function compileWrite(pair: Config_KeyValuePair | undefined, path: string, needsValue: boolean): Write | null {
  if (pair === undefined) return null;
  const { key, regexValueRewrite, type, encode } = pair;
  if (key === '') throw new ConfigError(at(path, 'key'), 'is empty');
  if (needsValue && pair.value === '') throw new ConfigError(at(path, 'value'), 'is required');
  if (pair.value !== '' && regexValueRewrite !== undefined)
    throw new ConfigError(at(path, 'regex_value_rewrite'), 'is set beside value');
  if (type !== ValueType.STRING && type !== ValueType.NUMBER)
    throw new ConfigError(at(path, 'type'), 'is not supported');
  const rewrite =
    regexValueRewrite === undefined ? null : compileSubstitution(regexValueRewrite, at(path, 'regex_value_rewrite'));
  const namespace = pair.metadataNamespace || DEFAULT_NAMESPACE;
  const fixed = bytesOf(pair.value);
  return (found, exchange) => {
    const value = fixed || (rewrite === null ? found : rewrite(found));
    if (value === '' || value.length >= LONGEST) return;
    const plain = encode === Encoding.BASE64 ? Buffer.from(value, 'base64') : Buffer.from(value, 'latin1');
    const noted = type === ValueType.NUMBER ? Number(plain.toString()) : plain.toString('utf8');
    if (typeof noted === 'number' && Number.isNaN(noted)) return;
    exchange.metadata ??= new Map();
    const before = exchange.metadata.get(namespace) as object | undefined;
    exchange.metadata.set(namespace, { ...before, [key]: noted });
  };
}
