// Every operator by name. What is not in one of these lists is refused.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { CelExpressionConfig } from '../../../xds/gen/envoy/config/core/v3/cel_pb.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { formatFlags, formatFlagsLong } from '../../http/flags.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { clusterName } from '../../route/chosen-cluster.ts';
import { addresses } from './addresses.ts';
import { attempts } from './attempts.ts';
import { compileCel } from './cel.ts';
import { certificates } from './certificates.ts';
import { durations } from './durations.ts';
import { grpc } from './grpc.ts';
import { metadata } from './metadata.ts';
import { alternatives, filled, type Operator, type Operators, plain, requestReader, required } from './operator.ts';
import { compileWithoutQuery, paths } from './paths.ts';
import { sizes } from './sizes.ts';
import { compileTime, type Zone } from './time.ts';
import { truncated } from './truncated.ts';

/** What formatter extensions, which a format names, add to the operators. */
export type FormatterExtensions = {
  readonly withoutQuery: boolean;
  /** What expressions may do that they may not otherwise. */
  readonly cel: CelExpressionConfig | undefined;
};

/** What is there for the operators of some formats only. */
export type OperatorScope = {
  readonly extensions?: FormatterExtensions;
  /** The body that an answer of ours would have; without it there is none. */
  readonly localBody?: (() => string) | undefined;
};

export function compileOperator(name: string, parameter: string | null, path: string, scope: OperatorScope): Operator {
  if (name === 'LOCAL_REPLY_BODY' && parameter === null && scope.localBody !== undefined) return scope.localBody;
  const compile = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (compile !== undefined) return compile(parameter, path);
  if (name === 'COALESCE') return compileCoalesce(parameter, path, scope);
  if (name === 'CEL' || name === 'TYPED_CEL') return compileCel(name, parameter, path, scope.extensions?.cel);
  if (name === 'REQ_WITHOUT_QUERY' && scope.extensions?.withoutQuery === true) {
    return compileWithoutQuery(parameter, path);
  }
  throw new ConfigError(path, `%${name}% is not supported`);
}

/** `{"operators": ["PROTOCOL", {"command": "REQ", "param": "x-a", "max_length": 9}]}`: the first that has something to say. */
function compileCoalesce(parameter: string | null, path: string, scope: OperatorScope): Operator {
  const operators = readChoices(required('COALESCE', parameter, path), path).map(({ command, param, max_length }) => {
    if (command === 'COALESCE') throw new ConfigError(path, '%COALESCE% cannot stand in itself');
    return truncated(compileOperator(command, param ?? null, path, scope), command, max_length, path);
  });
  return (...from) => {
    for (const operator of operators) {
      const said = operator(...from);
      if (said !== undefined) return said;
    }
    return undefined;
  };
}

type Choice = { readonly command: string; readonly param?: string; readonly max_length?: number };

function readChoices(text: string, path: string): readonly Choice[] {
  const wrong = new ConfigError(path, `%COALESCE(${text})% needs a list of operators in JSON`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong;
  }
  const operators: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'operators') : null;
  if (!Array.isArray(operators) || operators.length === 0) throw wrong;
  return operators.map((operator: unknown): Choice => {
    if (typeof operator === 'string') return { command: operator };
    if (!isChoice(operator)) throw wrong;
    return operator;
  });
}

function isChoice(value: unknown): value is Choice {
  if (typeof value !== 'object' || value === null) return false;
  const { command, param, max_length } = value as Partial<Record<keyof Choice, unknown>>;
  return (
    typeof command === 'string' &&
    (param === undefined || typeof param === 'string') &&
    (max_length === undefined || typeof max_length === 'number')
  );
}

const exchanged: Operators = plain({
  BYTES_RECEIVED: (exchange) => exchange.requestBytes,
  BYTES_SENT: (exchange) => exchange.responseBytes,
  PROTOCOL: (exchange) => filled(exchange.request.protocol),
  UPSTREAM_PROTOCOL: ({ upstream }) => filled(upstream?.protocol),
  RESPONSE_CODE: (_exchange, response) => response?.status ?? 0,
  RESPONSE_FLAGS: (exchange) => formatFlags(exchange.flags),
  RESPONSE_FLAGS_LONG: (exchange) => formatFlagsLong(exchange.flags),
  CONNECTION_TERMINATION_DETAILS: (exchange) => filled(exchange.terminationDetails.replaceAll(' ', '_')),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (exchange) => filled(exchange.upstreamFailure.replaceAll(' ', '_')),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: ({ downstream }) => filled(downstream.handshakeFailure.replaceAll(' ', '_')),
  UPSTREAM_CLUSTER: (exchange, response, ended) => exchange.clusterStatName || clusterName(exchange, response, ended),
  UPSTREAM_CLUSTER_RAW: clusterName,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (exchange) => exchange.attempts,
  VIRTUAL_CLUSTER_NAME: ({ charges }) => filled(charges?.virtualCluster),
  ROUTE_NAME: (exchange) => filled(exchange.route?.name),
  LISTENER_NAME: ({ downstream }) => downstream.listener.name,
  FILTER_CHAIN_NAME: ({ downstream }) => downstream.listener.chain || undefined,
  STREAM_ID: (exchange) => exchange.request.headers.get('x-request-id'),
  TRACE_ID: ({ span }) => span?.traceId,
  SPAN_ID: ({ span }) => span?.spanId,
  ACCESS_LOG_TYPE: (exchange) => exchange.logType,
  /** Of acknowledgements of QUIC, which is not spoken. */
  ROUNDTRIP_DURATION: () => undefined,
  // Filters may set flags of their own, and upstream filters state; there are none that do.
  CUSTOM_FLAGS: () => '',
  /** Only what is put into our own answers knows it. */
  LOCAL_REPLY_BODY: () => '',
});

const withParameter: Operators = {
  ...named(['REQ', 'REQUEST_HEADER'], compileRequestHeader),
  ...named(['RESP', 'RESPONSE_HEADER'], compileResponseHeader),
  ...named(['TRAILER', 'RESPONSE_TRAILER'], (names) => compileHeader(names, ({ trailers }) => trailers)),
  START_TIME: startTime('utc'),
  START_TIME_LOCAL: startTime('local'),
  EMIT_TIME: emitTime('utc'),
  EMIT_TIME_LOCAL: emitTime('local'),
  RESPONSE_CODE_DETAILS: (parameter) =>
    parameter === 'ALLOW_WHITESPACES'
      ? (exchange) => filled(exchange.details)
      : (exchange) => filled(exchange.details.replaceAll(' ', '_')),
  HOSTNAME(parameter, path) {
    if (parameter !== null) throw new ConfigError(path, '%HOSTNAME% takes no parameter');
    const name = hostname();
    return () => name;
  },
  /** Text that is missing is '-', also in JSON. */
  ENVIRONMENT(parameter, path) {
    const value = process.env[required('ENVIRONMENT', parameter, path)] ?? '-';
    return () => value;
  },
  UNIQUE_ID(parameter, path) {
    if (parameter !== null) throw new ConfigError(path, '%UNIQUE_ID% takes no parameter');
    return () => randomUUID();
  },
};

const OPERATORS: Operators = {
  ...exchanged,
  ...addresses,
  ...attempts,
  ...certificates,
  ...durations,
  ...paths,
  ...metadata,
  ...sizes,
  ...grpc,
  ...withParameter,
};

/** One operator under several names. */
function named(operators: readonly string[], compile: (names: [string, string | undefined]) => Operator): Operators {
  return Object.fromEntries(
    operators.map((name) => [name, (parameter, path) => compile(headerNames(name, parameter, path))]),
  );
}

function headerNames(operator: string, parameter: string | null, path: string): [string, string | undefined] {
  const names = alternatives(required(operator, parameter, path), path);
  for (const name of names) {
    if (name !== undefined && !/^:?[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      throw new ConfigError(path, `%${operator}(${parameter})% has no header name`);
    }
  }
  return names;
}

function compileRequestHeader([name, other]: [string, string | undefined]): Operator {
  const first = requestReader(name);
  if (other === undefined) return ({ request }) => first(request);
  const second = requestReader(other);
  return ({ request }) => first(request) ?? second(request);
}

type HeadersOf = (...from: Parameters<Operator>) => HeaderMap | null | undefined;

function compileHeader([name, other]: [string, string | undefined], headersOf: HeadersOf): Operator {
  const [first, second] = [name.toLowerCase(), other?.toLowerCase()];
  return (exchange, response, ended) => {
    const headers = headersOf(exchange, response, ended);
    return headers?.get(first) ?? (second === undefined ? undefined : headers?.get(second));
  };
}

function compileResponseHeader([name, other]: [string, string | undefined]): Operator {
  const isStatus = (one: string | undefined) => one?.toLowerCase() === ':status';
  const status: Operator = (_, response) => (response === null ? undefined : String(response.status));
  if (isStatus(name)) return status;
  const header = compileHeader([name, isStatus(other) ? undefined : other], (_, response) => response?.headers);
  return isStatus(other) ? (...from) => header(...from) ?? status(...from) : header;
}

function startTime(zone: Zone): Operators[string] {
  return (parameter, path) => {
    const write = compileTime(parameter, path, zone);
    return (exchange) => write(exchange.startedAt);
  };
}

/** When the line is written. */
function emitTime(zone: Zone): Operators[string] {
  return (parameter, path) => {
    const write = compileTime(parameter, path, zone);
    return (exchange, _response, ended) => write(exchange.startedAt + elapsed(exchange, ended));
  };
}

const elapsed = ({ started }: Exchange, ended: number): number => (ended === 0 ? 0 : Math.max(0, ended - started));
