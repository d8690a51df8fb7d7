// A processor that sees and changes everything, by what the path says it should do.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  ProcessingMode_BodySendMode as BodyMode,
  ProcessingMode_HeaderSendMode as HeadMode,
} from '../../src/xds/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingResponseSchema,
  CommonResponse_ResponseStatus as Status,
} from '../../src/xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import { grpcCluster, startGrpcServer, stream } from '../support/grpc-server.ts';
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

type Init = MessageInitShape<typeof ProcessingResponseSchema>;
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const header = (key: string, value: string, appendAction: Append = Append.APPEND_IF_EXISTS_OR_ADD) => ({
  header: { key, rawValue: bytes(value) },
  appendAction,
});
const legacy = (key: string, value: string, append: boolean) => ({ header: { key, rawValue: bytes(value) }, append });
const set = (...setHeaders: object[]) => ({ headerMutation: { setHeaders } });
const body = (text: string) => ({ bodyMutation: { mutation: { case: 'body' as const, value: bytes(text) } } });

const shown = (headers: readonly { key: string; rawValue: Uint8Array }[]): string =>
  headers
    .map(({ key, rawValue }) => `${key}=${Buffer.from(rawValue).toString()}`)
    .filter((line) => !/^(x-request-id|x-case|date|x-envoy-upstream-service-time)=/.test(line))
    .sort()
    .join('&');

/** What the server answers to each message; by the first segment of the path. undefined: nothing. */
const ANSWERS: Readonly<
  Record<string, (asked: ProcessingRequest['request']) => Init['response'] | 'end' | 'break' | undefined>
> = {
  nothing: (asked) => plain(asked),
  told: (asked) => {
    if (asked.case === 'requestHeaders')
      return {
        case: 'requestHeaders',
        value: { response: set(header('x-told', `${asked.value.endOfStream} ${shown(asked.value.headers!.headers)}`)) },
      };
    if (asked.case === 'responseHeaders')
      return {
        case: 'responseHeaders',
        value: { response: set(header('x-told', `${asked.value.endOfStream} ${shown(asked.value.headers!.headers)}`)) },
      };
    if (asked.case === 'requestBody')
      return {
        case: 'requestBody',
        value: { response: set(header('x-body', `${asked.value.endOfStream} ${Buffer.from(asked.value.body)}`)) },
      };
    if (asked.case === 'responseBody')
      return {
        case: 'responseBody',
        value: { response: set(header('x-body', `${asked.value.endOfStream} ${Buffer.from(asked.value.body)}`)) },
      };
    return plain(asked);
  },
  headers: (asked) => {
    const all = [
      ...[0, 1, 2, 3].flatMap((action) => [
        header('x-there', `a${action}`, action as Append),
        header(`x-new-${action}`, 'v', action as Append),
      ]),
      legacy('x-legacy', 'one', false),
      legacy('x-legacy', 'two', true),
      ...[':authority', ':method', ':scheme', 'host', 'x-envoy-mine', ':path'].map((name) =>
        header(name, name === ':path' ? '/changed' : 'changed', Append.OVERWRITE_IF_EXISTS_OR_ADD),
      ),
    ];
    if (asked.case === 'requestHeaders')
      return {
        case: 'requestHeaders',
        value: { response: { headerMutation: { setHeaders: all, removeHeaders: ['x-gone', ':method', 'host'] } } },
      };
    if (asked.case === 'responseHeaders')
      return {
        case: 'responseHeaders',
        value: {
          response: {
            headerMutation: {
              setHeaders: [header(':status', '202', Append.OVERWRITE_IF_EXISTS_OR_ADD), header('x-answered', '1')],
              removeHeaders: ['x-upstream'],
            },
          },
        },
      };
    return plain(asked);
  },
  body: (asked) => {
    if (asked.case === 'requestBody')
      return { case: 'requestBody', value: { response: body(`<${Buffer.from(asked.value.body)}>`) } };
    if (asked.case === 'responseBody')
      return { case: 'responseBody', value: { response: body(`[${Buffer.from(asked.value.body)}]`) } };
    return plain(asked);
  },
  resize: (asked) => {
    const response = { headerMutation: { removeHeaders: ['content-length'] } };
    if (asked.case === 'requestHeaders' || asked.case === 'responseHeaders')
      return { case: asked.case, value: { response } };
    return ANSWERS.body!(asked);
  },
  clear: (asked) => {
    const response = { bodyMutation: { mutation: { case: 'clearBody' as const, value: true } } };
    if (asked.case === 'requestBody' || asked.case === 'responseBody') return { case: asked.case, value: { response } };
    return plain(asked);
  },
  replace: (asked) => {
    const response = { status: Status.CONTINUE_AND_REPLACE, ...body('instead') };
    return asked.case === 'requestHeaders' || asked.case === 'responseHeaders'
      ? { case: asked.case, value: { response } }
      : plain(asked);
  },
  reroute: (asked) =>
    asked.case === 'requestHeaders'
      ? {
          case: 'requestHeaders',
          value: {
            response: { ...set(header('x-to', 'b', Append.OVERWRITE_IF_EXISTS_OR_ADD)), clearRouteCache: true },
          },
        }
      : plain(asked),
  stop: (asked) =>
    asked.case === 'requestHeaders'
      ? {
          case: 'immediateResponse',
          value: {
            status: { code: 401 },
            body: bytes('stop'),
            headers: { setHeaders: [header('x-why', 'so')] },
            details: 'as told',
          },
        }
      : plain(asked),
  stopbody: (asked) =>
    asked.case === 'requestBody'
      ? { case: 'immediateResponse', value: { status: { code: 422 }, body: bytes('bad body') } }
      : plain(asked),
  stopanswer: (asked) =>
    asked.case === 'responseHeaders'
      ? { case: 'immediateResponse', value: { status: { code: 502 }, body: bytes('no') } }
      : plain(asked),
  wrong: (asked) => (asked.case === 'requestHeaders' ? { case: 'responseHeaders', value: {} } : plain(asked)),
  silent: () => undefined,
  end: () => 'end',
  break: () => 'break',
};

function plain(asked: ProcessingRequest['request']): Init['response'] {
  return { case: asked.case, value: {} } as Init['response'];
}

const server = await startGrpcServer([
  stream(ExternalProcessor.method.process, ({ request: asked }, send, call) => {
    const path =
      asked.case === 'requestHeaders' ? asked.value.headers!.headers.find(({ key }) => key === ':path') : undefined;
    const state = call as unknown as { answer?: (typeof ANSWERS)[string]; override?: boolean };
    if (path !== undefined) {
      const name = Buffer.from(path.rawValue).toString().split(/[/?]/)[1] ?? '';
      state.answer = ANSWERS[name] ?? ANSWERS.nothing!;
      state.override = name === 'override';
    }
    const response = (state.answer ?? ANSWERS.body!)(asked);
    if (response === 'end') call.end();
    else if (response === 'break') call.emit('error', Object.assign(new Error('broken'), { code: 13 }));
    else if (response !== undefined) {
      const modeOverride = { responseHeaderMode: HeadMode.SKIP, requestBodyMode: BodyMode.NONE };
      send(create(ProcessingResponseSchema, state.override === true ? { response, modeOverride } : { response }));
    }
  }),
]);
afterAll(() => server.stop());

const EXT_PROC = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3';
const filter = (mode: string, fields = '', cluster = 'proc', time = '5s'): string =>
  `[{ name: proc, typed_config: { "@type": ${EXT_PROC}.ExternalProcessor, message_timeout: ${time}, grpc_service: { envoy_grpc: { cluster_name: ${cluster} } }, processing_mode: { ${mode} }, ${fields} } }]`;
const BODIES = 'request_body_mode: BUFFERED, response_body_mode: BUFFERED';
const PER_ROUTE = `"@type": ${EXT_PROC}.ExtProcPerRoute`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /off }, route: { cluster: a }, typed_per_filter_config: { proc: { ${PER_ROUTE}, disabled: true } } }
    - { match: { path: /body/none }, route: { cluster: a }, typed_per_filter_config: { proc: { ${PER_ROUTE}, overrides: { processing_mode: { request_body_mode: NONE } } } } }
    - { match: { prefix: /, headers: [{ name: x-to, string_match: { exact: b } }] }, route: { cluster: b } }
    - { match: { path: /told/direct }, direct_response: { status: 200, body: { inline_string: direct } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const passes = (name: string, send: string, listener = 'front', more: Partial<Case> = {}): Case => ({
  name,
  listener,
  send,
  wants: { status: 200 },
  ...more,
});
const ends = (name: string, status: number, send: string, listener = 'front'): Case => ({
  name,
  listener,
  send,
  wants: { status },
});
const post = (path: string, text: string): string => request('POST', path, { body: text });
const noBody = { script: { a: [raw('HTTP/1.1 204 No Content\r\n\r\n')] }, wants: { status: 204 } } as const;

compareWithEnvoy({
  name: 'filters-proc',
  // When a stream ends that nobody waits for is a matter of timing.
  statistics: /ext_proc\.(?!server_half_closed)/,
  listeners: {
    front: { filters: filter('') },
    bodies: { filters: filter(BODIES) },
    skip: { filters: filter('request_header_mode: SKIP, response_header_mode: SKIP') },
    only: { filters: filter(`request_header_mode: SKIP, response_header_mode: SKIP, ${BODIES}`) },
    open: { filters: filter('', 'failure_mode_allow: true') },
    unreachable: { filters: filter('', '', 'refused') },
    hasty: { filters: filter('', '', 'proc', '0.2s') },
    hastyAndOpen: { filters: filter('', 'failure_mode_allow: true', 'proc', '0.2s') },
    override: { filters: filter(BODIES, 'allow_mode_override: true') },
    rules: {
      filters: filter(
        '',
        'mutation_rules: { allow_all_routing: true, allow_envoy: true, disallow_expression: { regex: "x-new-.*" } }',
      ),
    },
    shown: {
      filters: filter(
        '',
        'forward_rules: { allowed_headers: { patterns: [{ prefix: x- }, { exact: ":path" }] }, disallowed_headers: { patterns: [{ exact: x-no }] } }',
      ),
    },
    retain: { filters: filter('', 'route_cache_action: RETAIN') },
  },
  clusters: grpcCluster('proc', server.port),
  virtualHosts,
  cases: [
    passes('nothing to say', get('/nothing')),
    passes('nothing to say, with bodies', post('/nothing', 'hello'), 'bodies'),
    passes('what is told', get('/told?a=b', 'x-a: 1', 'x-a: 2')),
    passes('what is told of bodies', post('/told', 'hello'), 'bodies'),
    passes('what is told of a direct response', get('/told/direct')),
    passes('only what may be shown', get('/told', 'x-yes: 1', 'x-no: 2', 'accept: */*'), 'shown'),
    { ...passes('headers changed', get('/headers', 'x-there: old', 'x-gone: 1')), wants: { status: 202 } },
    { ...passes('headers changed by other rules', get('/headers', 'x-there: old'), 'rules'), wants: { status: 202 } },
    passes('bodies changed', post('/resize', 'hello'), 'bodies'),
    ends('bodies changed against their length', 500, post('/body', 'hello'), 'bodies'),
    passes('bodies changed, with nothing else shown', post('/body', 'hello'), 'only'),
    passes('a request without a body', get('/resize'), 'bodies'),
    { ...passes('a response without a body', get('/body'), 'bodies'), ...noBody },
    passes('bodies cleared', post('/clear', 'hello'), 'only'),
    passes('bodies replaced from the heads', post('/replace', 'hello'), 'bodies'),
    passes('a body for a request that had none', get('/replace')),
    passes('not for a route', get('/off')),
    passes('another mode for a route', post('/body/none', 'hello'), 'bodies'),
    passes('another mode by the server', post('/override', 'hello'), 'override'),
    passes('nothing is shown', post('/told', 'hello'), 'skip'),
    passes('another route', get('/reroute')),
    passes('another route is not wanted', get('/reroute'), 'retain'),
    ends('stopped', 401, get('/stop')),
    ends('stopped at the body', 422, post('/stopbody', 'hello'), 'bodies'),
    ends('stopped at the answer', 502, get('/stopanswer')),
    ends('a server that is silent', 504, get('/silent'), 'hasty'),
    ends('a server that breaks', 500, get('/break')),
    ends('a server that answers something else', 500, get('/wrong')),
    ends('a server that is not there', 500, get('/nothing'), 'unreachable'),
    passes('a server that ends in order', get('/end')),
    passes('open: a server that is silent', get('/silent'), 'hastyAndOpen'),
    passes('open: a server that breaks', get('/break'), 'open'),
    passes('a large answer', get('/resize'), 'bodies', { script: { a: [respond({ body: 'x'.repeat(200_000) })] } }),
  ],
});
