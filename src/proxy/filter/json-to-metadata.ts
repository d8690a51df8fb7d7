// The filter envoy.filters.http.json_to_metadata: values of JSON bodies become dynamic metadata.
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type JsonToMetadata,
  type JsonToMetadata_KeyValuePair,
  type JsonToMetadata_MatchRules,
  type JsonToMetadata_Rule,
  JsonToMetadataSchema,
  JsonToMetadata_ValueType as ValueType,
} from '../../xds/gen/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { compileWhole } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope } from './define.ts';
import type { FilterOutlet, FilterStage, HttpFilter, LocalReply } from './filter.ts';
import { BUFFER_LIMIT, HeldBody, requestTooLarge, responseTooLarge } from './held-body.ts';

class SideStats {
  success = 0;
  mismatched_content_type = 0;
  no_body = 0;
  invalid_json_body = 0;
}

type Stats = { readonly rq: SideStats; readonly resp: SideStats };

/** Values that are noted, by namespace and key. */
type Notes = Map<string, Record<string, JsonValue>>;
type Write = (found: JsonValue | undefined, notes: Notes, exchange: Exchange) => boolean;

type Rule = {
  readonly keys: readonly string[];
  /** false: there is no such value, or none that can be noted. */
  readonly present: Write;
  readonly missing: Write;
  readonly error: Write;
};

type Rules = { readonly rules: readonly Rule[]; accepts(type: string): boolean };

const DEFAULT_NAMESPACE = 'envoy.filters.http.json_to_metadata';
/** Longer texts are left out, as by Envoy. */
const LONGEST = 8_192;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const jsonToMetadata: FilterKind = {
  chain: compiler(JsonToMetadataSchema, createJsonToMetadata),
  route: compiler(JsonToMetadataSchema, createJsonToMetadata),
};

function createJsonToMetadata(config: JsonToMetadata, name: string, path: string): HttpFilter {
  const request = compileRules(config.requestRules, at(path, 'request_rules'));
  const response = compileRules(config.responseRules, at(path, 'response_rules'));
  if (request === null && response === null)
    throw new ConfigError(path, 'has neither request_rules nor response_rules');
  const statsOf = perScope(
    (scope): Stats => ({
      rq: scope.stats('json_to_metadata.rq', () => new SideStats()),
      resp: scope.stats('json_to_metadata.resp', () => new SideStats()),
    }),
  );
  return {
    name,
    open(exchange, scope, stream) {
      const { rq, resp } = statsOf(scope);
      const way = <Head extends RequestHead | ResponseHead>(
        rules: Rules | null,
        outlet: FilterOutlet,
        stats: SideStats,
        tooLarge: LocalReply,
        noted: () => void,
      ) =>
        rules === null
          ? {}
          : reader<Head>(rules, { exchange, outlet, stats, noted, refuse: () => stream.answer(tooLarge) });
      return {
        // Routes may ask for what has been noted.
        request: way<RequestHead>(request, stream.request, rq, requestTooLarge, () => stream.reroute()),
        response: way<ResponseHead>(response, stream.response, resp, responseTooLarge, () => undefined),
      };
    },
  };
}

type Side = {
  readonly exchange: Exchange;
  readonly outlet: FilterOutlet;
  readonly stats: SideStats;
  noted(): void;
  refuse(): void;
};

function reader<Head extends RequestHead | ResponseHead>(rules: Rules, side: Side): FilterStage<Head> {
  const { exchange, outlet, stats } = side;
  const body = new HeldBody(BUFFER_LIMIT);
  let reads = false;
  const note = (apply: (rule: Rule, notes: Notes) => void) => {
    const notes: Notes = new Map();
    for (const rule of rules.rules) apply(rule, notes);
    leave(notes, exchange);
    side.noted();
  };
  const fail = () => note(({ error }, notes) => error(undefined, notes, exchange));
  const noBody = () => {
    stats.no_body += 1;
    note(({ missing }, notes) => missing(undefined, notes, exchange));
  };
  const take = (root: JsonValue | undefined) => {
    stats[root === undefined ? 'invalid_json_body' : 'success'] += 1;
    if (root === undefined) fail();
    else
      note(({ keys, present, missing }, notes) => {
        const parent = parentAt(root, keys);
        if (parent === undefined || !present(memberOf(parent, keys.at(-1)!), notes, exchange))
          missing(undefined, notes, exchange);
      });
  };
  return {
    head({ headers }, last) {
      if (!rules.accepts(headers.get('content-type') ?? '')) {
        stats.mismatched_content_type += 1;
        fail();
        return undefined;
      }
      if (last) {
        noBody();
        return undefined;
      }
      reads = true;
      return 'collect';
    },
    data(chunk) {
      if (!reads) outlet.write(chunk);
      else if (!body.push(chunk)) side.refuse();
    },
    end(trailers) {
      if (reads) {
        if (body.size === 0) noBody();
        else take(parse(body.whole()));
        outlet.proceed();
        body.moveTo((chunk) => outlet.write(chunk));
      }
      outlet.finish(trailers);
    },
  };
}

/** undefined: it is no JSON, or no UTF-8. */
function parse(body: Buffer): JsonValue | undefined {
  try {
    return JSON.parse(UTF8.decode(body)) as JsonValue;
  } catch {
    return undefined;
  }
}

/** What should hold the value; undefined: there is none. As by Envoy, a value that is given stands for one that is not there. */
function parentAt(root: JsonValue, keys: readonly string[]): JsonValue | undefined {
  if (typeof root !== 'object' || root === null) return undefined;
  let parent: JsonValue | undefined = root;
  for (const key of keys.slice(0, -1)) {
    parent = memberOf(parent, key);
    if (typeof parent !== 'object' || parent === null || Array.isArray(parent)) return undefined;
  }
  return parent;
}

function memberOf(value: JsonValue, key: string): JsonValue | undefined {
  const holds = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key);
  return holds ? value[key] : undefined;
}

function leave(notes: Notes, exchange: Exchange): void {
  if (notes.size === 0) return;
  exchange.metadata ??= new Map();
  for (const [namespace, values] of notes) {
    const before = exchange.metadata.get(namespace) as object | undefined;
    exchange.metadata.set(namespace, { ...before, ...values });
  }
}

function compileRules(message: JsonToMetadata_MatchRules | undefined, path: string): Rules | null {
  if (message === undefined) return null;
  const { allowContentTypes, allowContentTypesRegex, allowEmptyContentType } = message;
  const here = at(path, 'rules');
  if (message.rules.length === 0) throw new ConfigError(here, 'is empty');
  const listed = new Set(allowContentTypes.length === 0 ? ['application/json'] : allowContentTypes);
  const matches =
    allowContentTypesRegex === undefined
      ? null
      : compileWhole(allowContentTypesRegex, at(path, 'allow_content_types_regex'));
  return {
    rules: mapAt(message.rules, here, compileRule),
    accepts: (type) => (type === '' ? allowEmptyContentType : listed.has(type) || matches?.(type) === true),
  };
}

function compileRule(rule: JsonToMetadata_Rule, path: string): Rule {
  const { selectors, onPresent, onMissing, onError } = rule;
  if (selectors.length === 0) throw new ConfigError(at(path, 'selectors'), 'is empty');
  if (onPresent === undefined && onMissing === undefined)
    throw new ConfigError(path, 'has neither on_present nor on_missing');
  return {
    keys: mapAt(selectors, at(path, 'selectors'), ({ selector }, here) => {
      if (selector.case !== 'key' || selector.value === '') throw new ConfigError(at(here, 'key'), 'is empty');
      return selector.value;
    }),
    present: compilePair(onPresent, at(path, 'on_present'), false),
    missing: compilePair(onMissing, at(path, 'on_missing'), true),
    error: compilePair(onError, at(path, 'on_error'), true),
  };
}

/** Without a pair there is nothing to note. */
function compilePair(pair: JsonToMetadata_KeyValuePair | undefined, path: string, needsValue: boolean): Write {
  if (pair === undefined) return () => true;
  const { key, type, valueType, preserveExistingMetadataValue: preserves } = pair;
  if (key === '') throw new ConfigError(at(path, 'key'), 'is empty');
  const fixed = valueType.case === 'value' ? toJson(ValueSchema, valueType.value) : undefined;
  if (needsValue && fixed === undefined) throw new ConfigError(at(path, 'value'), 'is required');
  const namespace = pair.metadataNamespace || DEFAULT_NAMESPACE;
  return (found, notes, exchange) => {
    const value = fixed === undefined ? convert(found, type) : fixed;
    if (value === undefined) return false;
    if (value === '' && fixed === undefined && type === ValueType.STRING) return true;
    const known = exchange.metadata?.get(namespace) as object | undefined;
    if (preserves && known !== undefined && Object.hasOwn(known, key)) return true;
    notes.set(namespace, { ...notes.get(namespace), [key]: value });
    return true;
  };
}

/** undefined: it is of another kind, or too long. */
function convert(value: JsonValue | undefined, type: ValueType): JsonValue | undefined {
  if (value === undefined || typeof value === 'object') return undefined;
  switch (type) {
    case ValueType.NUMBER:
      return numberOf(value);
    case ValueType.STRING:
      return short(textOf(value));
    default:
      return typeof value === 'string' ? short(value) : value;
  }
}

function short(text: string): string | undefined {
  return Buffer.byteLength(text) > LONGEST ? undefined : text;
}

function numberOf(value: boolean | number | string): number | undefined {
  if (typeof value !== 'string') return Number(value);
  const number = value.trim() === '' ? Number.NaN : Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** As C++ writes them: 1 for true, and six places after the point where there are any, or the number is beyond 64 bits. */
function textOf(value: boolean | number | string): string {
  if (typeof value === 'string') return value;
  const number = Number(value);
  if (!Number.isInteger(number)) return number.toFixed(6);
  return Math.abs(number) < 2 ** 63 ? String(number) : `${BigInt(number)}.000000`;
}
