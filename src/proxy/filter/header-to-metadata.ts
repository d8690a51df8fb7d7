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
import { compiler, type FilterKind, perScope } from './define.ts';
import type { FilterScope, HttpFilter } from './filter.ts';

/** `pseudo`: the request, whose `:path` and the like count as headers. */
type Rule = (headers: HeaderMap, exchange: Exchange, pseudo: RequestHead | null) => Outcome;
type Write = (value: string, exchange: Exchange) => Outcome;
/** What became of a rule: what is added may stand for a header that is missing. null: nothing that is counted. */
type Outcome = 'metadata_added' | 'missing_added' | 'header_value_too_long' | 'base64_decode_failed' | null;

class RuleStats {
  request_rules_processed = 0;
  request_metadata_added = 0;
  request_header_not_found = 0;
  response_rules_processed = 0;
  response_metadata_added = 0;
  response_header_not_found = 0;
  header_value_too_long = 0;
  base64_decode_failed = 0;
  /** Envoy's engine may fail; this one does not. */
  regex_substitution_failed = 0;
}

const DEFAULT_NAMESPACE = 'envoy.filters.http.header_to_metadata';
/** Longer values are left out, as by Envoy. */
const LONGEST = 8_192;
/** RFC 4648 4, with or without padding: what is anything else is left out. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

export const headerToMetadata: FilterKind = {
  chain: compiler(ConfigSchema, createHeaderToMetadata),
  route: compiler(ConfigSchema, createHeaderToMetadata),
};

function createHeaderToMetadata(config: Config, name: string, path: string): HttpFilter {
  const request = mapAt(config.requestRules, at(path, 'request_rules'), compileRule);
  const response = mapAt(config.responseRules, at(path, 'response_rules'), compileRule);
  const statsOf = config.statPrefix === '' ? null : statsNamed(config.statPrefix);
  return {
    name,
    request(exchange, scope) {
      const { headers } = exchange.request;
      const stats = statsOf?.(scope);
      for (const rule of request) count(stats, 'request', rule(headers, exchange, exchange.request));
      return undefined;
    },
    response(exchange, head, scope) {
      const stats = statsOf?.(scope);
      for (const rule of response) count(stats, 'response', rule(head.headers, exchange, null));
    },
  };
}

function statsNamed(prefix: string): (scope: FilterScope) => RuleStats {
  return perScope((scope) => scope.stats(`http_filter_name.${prefix}`, () => new RuleStats()));
}

function count(stats: RuleStats | undefined, side: 'request' | 'response', outcome: Outcome): void {
  if (stats === undefined) return;
  stats[`${side}_rules_processed`] += 1;
  if (outcome === 'missing_added') stats[`${side}_header_not_found`] += 1;
  if (outcome === 'missing_added' || outcome === 'metadata_added') stats[`${side}_metadata_added`] += 1;
  else if (outcome !== null) stats[outcome] += 1;
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
    if (value === undefined) return missing?.('', exchange) === 'metadata_added' ? 'missing_added' : null;
    if (present === null) return null;
    const outcome = present(value, exchange);
    if (remove) headers.remove(name);
    return outcome;
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
    if (value === '') return null;
    if (value.length >= LONGEST) return 'header_value_too_long';
    if (encode === Encoding.BASE64 && !BASE64.test(value)) return 'base64_decode_failed';
    const plain = encode === Encoding.BASE64 ? Buffer.from(value, 'base64') : Buffer.from(value, 'latin1');
    const noted = type === ValueType.NUMBER ? Number(plain.toString()) : plain.toString('utf8');
    if (typeof noted === 'number' && Number.isNaN(noted)) return null;
    exchange.metadata ??= new Map();
    const before = exchange.metadata.get(namespace) as object | undefined;
    exchange.metadata.set(namespace, { ...before, [key]: noted });
    return 'metadata_added';
  };
}
