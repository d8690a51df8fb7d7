// A processor that sees bodies in pieces, trailers, metadata; that asks for another mode or more time; that only watches.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import {
  ProcessingMode_BodySendMode as BodyMode,
  ProcessingMode_HeaderSendMode as HeadMode,
} from '../../src/xds/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingResponseSchema,
} from '../../src/xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import { grpcCluster, startGrpcServer, stream } from '../support/grpc-server.ts';
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, lines, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

type Init = Exclude<MessageInitShape<typeof ProcessingResponseSchema>, { $typeName: string }>;
type Asked = ProcessingRequest;
/** What one exchange has been through. */
type Memory = { path: string; seen: string[] };

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const set = (key: string, value: string) => ({ setHeaders: [{ header: { key, rawValue: bytes(value) } }] });
const plain = ({ request: { case: kind } }: Asked): Init => ({
  response: { case: kind, value: {} } as Init['response'],
});
const bodyOf = ({ request: asked }: Asked): { text: string; end: boolean } | null =>
  asked.case === 'requestBody' || asked.case === 'responseBody'
    ? { text: Buffer.from(asked.value.body).toString('latin1'), end: asked.value.endOfStream }
    : null;
const shown = (asked: Asked): string => {
  const piece = bodyOf(asked);
  return piece === null ? String(asked.request.case) : `${asked.request.case} ${piece.text} ${piece.end}`;
};
const isHead = ({ request: { case: kind } }: Asked, side: 'request' | 'response'): boolean => kind === `${side}Headers`;
const withHeaders = (asked: Asked, key: string, value: string): Init =>
  ({ response: { case: asked.request.case, value: { response: { headerMutation: set(key, value) } } } }) as Init;

const body = (asked: Asked, mutation: object): Init =>
  ({ response: { case: asked.request.case, value: { response: { bodyMutation: { mutation } } } } }) as Init;

/** By the first segment of the path: what follows a message. */
const ANSWERS: Readonly<Record<string, (asked: Asked, memory: Memory) => (Init | { wait: number })[]>> = {
  plain: (asked) => [plain(asked)],
  /** The head of the response shows everything that was sent before it. */
  told: (asked, { seen }) => [
    isHead(asked, 'response') ? withHeaders(asked, 'x-seen', seen.join(' | ')) : plain(asked),
  ],
  marked: (asked) => {
    const piece = bodyOf(asked);
    return [
      piece === null ? plain(asked) : body(asked, { case: 'body', value: bytes(`<${piece.text} ${piece.end}>`) }),
    ];
  },
  cleared: (asked) => [bodyOf(asked) === null ? plain(asked) : body(asked, { case: 'clearBody', value: true })],
  duplex: (asked) => {
    const piece = bodyOf(asked);
    if (piece === null) return [plain(asked)];
    const value = { body: bytes(piece.text.toUpperCase()), endOfStream: piece.end };
    return [body(asked, { case: 'streamedResponse', value })];
  },
  /** Says something of its own instead of what it hears, in more pieces. */
  talkative: (asked) => {
    const piece = bodyOf(asked);
    if (piece === null) return [plain(asked)];
    if (!piece.end) return [];
    return ['one ', 'two ', 'three'].map((text) =>
      body(asked, { case: 'streamedResponse', value: { body: bytes(text), endOfStream: text === 'three' } }),
    );
  },
  trailers: (asked) => {
    const { case: kind } = asked.request;
    if (kind !== 'requestTrailers' && kind !== 'responseTrailers') return [plain(asked)];
    return [
      {
        response: { case: kind, value: { headerMutation: { ...set('x-late', 'yes'), removeHeaders: ['x-gone'] } } },
      } as Init,
    ];
  },
  override: (asked) => [
    isHead(asked, 'request')
      ? { ...plain(asked), modeOverride: { requestBodyMode: BodyMode.BUFFERED, responseHeaderMode: HeadMode.SKIP } }
      : withHeaders(asked, 'x-overridden', shown(asked)),
  ],
  defaults: (asked) => [
    isHead(asked, 'request') ? { ...plain(asked), modeOverride: {} } : withHeaders(asked, 'x-defaults', 'shown'),
  ],
  /** Longer than messages may take, and much less than it asks for. */
  patience: (asked) =>
    isHead(asked, 'request')
      ? [{ overrideMessageTimeout: { seconds: 8n } }, { wait: 1_200 }, withHeaders(asked, 'x-waited', 'yes')]
      : [plain(asked)],
  impatience: () => [{ overrideMessageTimeout: { seconds: 20n } }],
  immediate: () => [{ response: { case: 'immediateResponse', value: { status: { code: 401 } } } }],
  metadata: (asked) => {
    if (!isHead(asked, 'request')) return [plain(asked)];
    const noted = JSON.stringify(asked.metadataContext?.filterMetadata ?? null);
    return [{ ...withHeaders(asked, 'x-noted', noted), dynamicMetadata: { taken: { a: 'b' }, refused: { c: 'd' } } }];
  },
  protocol: (asked, { seen }) => {
    const { protocolConfig: config } = asked;
    const { requestBodyMode, responseBodyMode, sendBodyWithoutWaitingForHeaderResponse } = config ?? {};
    const text = config
      ? JSON.stringify({ requestBodyMode, responseBodyMode, sendBodyWithoutWaitingForHeaderResponse })
      : 'none';
    return [withHeaders(asked, `x-protocol-${seen.length}`, text)];
  },
  forbidden: (asked) => [isHead(asked, 'request') ? withHeaders(asked, 'x-no', '1') : plain(asked)],
  hang: (asked) => (isHead(asked, 'request') ? [] : [plain(asked)]),
};

const server = await startGrpcServer([
  stream(ExternalProcessor.method.process, (asked, send, call) => {
    const state = call as unknown as { memory?: Memory; sending?: Promise<void> };
    const memory = state.memory ?? { path: '', seen: [] };
    state.memory = memory;
    if (asked.request.case === 'requestHeaders') {
      const path = asked.request.value.headers!.headers.find(({ key }) => key === ':path');
      memory.path = Buffer.from(path?.rawValue ?? []).toString();
    }
    const answer = ANSWERS[memory.path.split(/[/?]/)[1] ?? ''] ?? ANSWERS.marked!;
    const all = answer(asked, memory);
    memory.seen.push(shown(asked));
    state.sending = all.reduce<Promise<void>>(async (before, one) => {
      await before;
      if ('wait' in one) await new Promise((resolve) => setTimeout(resolve, one.wait));
      else send(create(ProcessingResponseSchema, one));
    }, state.sending ?? Promise.resolve());
  }),
]);
afterAll(() => server.stop());

const EXT_PROC = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3';
const proc = (mode: string, fields = ''): string =>
  `{ name: proc, typed_config: { "@type": ${EXT_PROC}.ExternalProcessor, ${fields.startsWith('message_timeout') ? '' : 'message_timeout: 5s,'} grpc_service: { envoy_grpc: { cluster_name: proc } }, processing_mode: { ${mode} }, ${fields} } }`;
const filter = (mode: string, fields = ''): string => `[${proc(mode, fields)}]`;
const both = (way: string): string => `request_body_mode: ${way}, response_body_mode: ${way}`;
const SKIP = 'request_header_mode: SKIP, response_header_mode: SKIP';
const TRAILERS = 'request_trailer_mode: SEND, response_trailer_mode: SEND';
const HTTP = 'type.googleapis.com/envoy.extensions.filters.http';
const notes = `{ name: notes, typed_config: { "@type": ${HTTP}.set_metadata.v3.Config, metadata: [{ metadata_namespace: app, value: { x: "1" } }, { metadata_namespace: other, value: { y: "2" } }] } }`;
const shows = `{ name: shows, typed_config: { "@type": ${HTTP}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-taken, value: "%DYNAMIC_METADATA(taken)% %DYNAMIC_METADATA(refused)%" } } }] } } }`;
const OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const passes = (name: string, listener: string, send: string, more: Partial<Case> = {}): Case => ({
  name,
  listener,
  send,
  wants: { status: 200 },
  ...more,
});
const ends = (name: string, listener: string, send: string, status: number): Case =>
  passes(name, listener, send, { wants: { status } });
const post = (path: string, text: string): string => request('POST', path, { body: text });
const trailing = (path: string): string =>
  lines(
    `POST ${path} HTTP/1.1`,
    'host: test.local',
    'x-case: <case>',
    'transfer-encoding: chunked',
    'trailer: x-gone',
    '',
    '5',
    'hello',
    '0',
    'x-gone: 1',
    'x-stays: 2',
    '',
    '',
  );
const trailingAnswer = raw(
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\nx-gone: 1\r\nx-stays: 2\r\n\r\n',
);

compareWithEnvoy({
  name: 'filters-proc-streams',
  // When a stream ends that nobody waits for is a matter of timing, and how large pieces are one of sockets.
  statistics: /^http\.(?!large).*ext_proc\.(?!server_half_closed)/,
  listeners: {
    streamed: { filters: filter(both('STREAMED')) },
    large: { filters: filter(both('STREAMED')) },
    headless: { filters: filter(`${SKIP}, ${both('STREAMED')}`) },
    partial: { filters: filter(both('BUFFERED_PARTIAL')) },
    duplex: { filters: filter(`${both('FULL_DUPLEX_STREAMED')}, ${TRAILERS}`) },
    eager: { filters: filter(both('STREAMED'), 'send_body_without_waiting_for_header_response: true') },
    trailers: {
      filters: filter(TRAILERS),
      manager: 'http_protocol_options: { enable_trailers: true }',
    },
    trailersToo: {
      filters: filter(`${both('BUFFERED')}, ${TRAILERS}`),
      manager: 'http_protocol_options: { enable_trailers: true }',
    },
    streamedTrailers: {
      filters: filter(`${both('STREAMED')}, ${TRAILERS}`),
      manager: 'http_protocol_options: { enable_trailers: true }',
    },
    override: {
      filters: filter(
        'response_header_mode: SKIP',
        'allow_mode_override: true, allowed_override_modes: [{ request_header_mode: SKIP, request_body_mode: BUFFERED, response_header_mode: SKIP }]',
      ),
    },
    anyOverride: { filters: filter('response_header_mode: SKIP', 'allow_mode_override: true') },
    noOverride: {
      filters: filter('', 'allow_mode_override: true, allowed_override_modes: [{ request_body_mode: STREAMED }]'),
    },
    patient: { filters: filter('', 'message_timeout: 1s, max_message_timeout: 10s') },
    impatient: { filters: filter('', 'max_message_timeout: 0s') },
    listens: { filters: filter('', 'disable_immediate_response: true') },
    watches: {
      filters: filter(`${both('STREAMED')}, ${TRAILERS}`, 'observability_mode: true, deferred_close_timeout: 0.2s'),
    },
    metadata: {
      filters: `[${notes}, ${proc('', 'metadata_options: { forwarding_namespaces: { untyped: [app, missing] }, receiving_namespaces: { untyped: [taken] } }')}, ${shows}]`,
    },
    strict: { filters: filter('', 'mutation_rules: { disallow_all: true, disallow_is_error: true }') },
    open: { filters: filter(both('STREAMED'), 'message_timeout: 0.5s, failure_mode_allow: true') },
  },
  clusters: `${grpcCluster('proc', server.port)}
- name: late
  type: STATIC
  connect_timeout: 1s
  typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${OPTIONS}, explicit_http_config: { http_protocol_options: { enable_trailers: true } } } }
  load_assignment: { cluster_name: late, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] }
`,
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /trailers }, route: { cluster: late } }
    - { match: { prefix: / }, route: { cluster: a } }
`,
  cases: [
    passes('streamed: seen', 'streamed', post('/told', 'hello')),
    passes('streamed: changed', 'streamed', post('/marked', 'hello')),
    passes('streamed: cleared', 'streamed', post('/cleared', 'hello')),
    passes('streamed: no body', 'streamed', get('/marked')),
    passes('streamed: left as it is', 'streamed', post('/plain', 'hello')),
    passes('streamed: heads not shown', 'headless', post('/', 'hello')),
    passes('streamed: a large answer', 'large', get('/plain'), {
      script: { a: [respond({ body: 'x'.repeat(500_000) })] },
    }),
    passes('partial: all of it', 'partial', post('/marked', 'hello')),
    passes('partial: seen', 'partial', post('/told', 'hello')),
    passes('partial: more than fits', 'partial', post('/plain', 'y'.repeat(2_000_000)), {
      script: { a: [respond({ body: 'x'.repeat(2_000_000) })] },
    }),
    passes('duplex: changed', 'duplex', post('/duplex', 'hello')),
    passes('duplex: other pieces', 'duplex', post('/talkative', 'hello')),
    passes('duplex: no body', 'duplex', get('/duplex')),
    passes('eager: seen', 'eager', post('/told', 'hello')),
    passes('eager: changed', 'eager', post('/marked', 'hello')),
    passes('trailers', 'trailers', trailing('/trailers'), { script: { a: [trailingAnswer] } }),
    passes('trailers behind a body', 'trailersToo', trailing('/trailers'), { script: { a: [trailingAnswer] } }),
    passes('trailers behind pieces', 'streamedTrailers', trailing('/trailers'), { script: { a: [trailingAnswer] } }),
    passes('another mode that is allowed', 'override', post('/override', 'hello')),
    passes('any other mode', 'anyOverride', post('/override', 'hello')),
    passes('another mode that is not allowed', 'noOverride', post('/override', 'hello')),
    passes('a mode that says nothing', 'anyOverride', post('/defaults', 'hello')),
    passes('more time', 'patient', get('/patience')),
    ends('more time than there is', 'patient', get('/impatience'), 504),
    passes('more time where none is given', 'impatient', get('/patience')),
    ends('an immediate answer that is not wanted', 'listens', get('/immediate'), 500),
    passes('watched', 'watches', post('/marked', 'hello')),
    passes('watched, whatever it says', 'watches', get('/immediate')),
    passes('metadata', 'metadata', get('/metadata')),
    passes('the protocol', 'streamed', post('/protocol', 'hello')),
    ends('a change that is an error', 'strict', get('/forbidden'), 500),
    passes('open: no answer to the head', 'open', post('/hang', 'hello')),
  ],
});
