// What a processor is told beside the messages themselves: attributes of the exchange, and the metadata that a route gives its stream.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingResponseSchema,
} from '../../src/xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import { grpcCluster, startGrpcServer, stream } from '../support/grpc-server.ts';
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

type Init = MessageInitShape<typeof ProcessingResponseSchema>;

/** The server says in a header what it was told; of trailers and bodies it says nothing. */
const server = await startGrpcServer([
  stream(ExternalProcessor.method.process, (told, send, call) => {
    const values = ['x-given', 'x-both'].map((name) => call.metadata.get(name).join());
    send(create(ProcessingResponseSchema, { response: answerOf(told, values) }));
  }),
]);
afterAll(() => server.stop());

function answerOf({ request: asked, attributes }: ProcessingRequest, given: readonly string[]): Init['response'] {
  if (asked.case === 'requestTrailers' || asked.case === 'responseTrailers')
    return { case: asked.case, value: {} } as Init['response'];
  const told = Object.entries(attributes).map(([name, values]) => [name, Object.entries(values).sort()]);
  const text = JSON.stringify({ told, given });
  const name = asked.case?.endsWith('Body') === true ? 'x-with-body' : 'x-with-head';
  const setHeaders = [{ header: { key: name, rawValue: Buffer.from(text) } }];
  return { case: asked.case, value: { response: { headerMutation: { setHeaders } } } } as Init['response'];
}

const EXT_PROC = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3';
const filter = (mode: string, fields: string): string =>
  `[{ name: proc, typed_config: { "@type": ${EXT_PROC}.ExternalProcessor, message_timeout: 5s, grpc_service: { envoy_grpc: { cluster_name: proc }, initial_metadata: [{ key: x-both, value: chain }] }, processing_mode: { ${mode} }, ${fields} } }]`;
const REQUEST = [
  'request.path',
  'request.url_path',
  'request.query',
  'request.host',
  'request.scheme',
  'request.method',
  'request.size',
  'request.protocol',
  'request.useragent',
  'request.headers',
  'source.address.startsWith("127.0.0.1")',
  'connection.mtls',
  'xds.route_name',
  'request.nothing',
  'response.code',
  '1 + 1',
  '"x" + "ü"',
  '1.5',
  'connection.tls_version',
];
const RESPONSE = [
  'response.code',
  'response.headers',
  'request.path',
  'response.flags',
  'upstream.request_attempt_count',
];
const list = (texts: readonly string[]): string => JSON.stringify(texts);
const attributes = `request_attributes: ${list(REQUEST)}, response_attributes: ${list(RESPONSE)}`;
const BODIES = 'request_body_mode: BUFFERED, response_body_mode: BUFFERED';
const PER_ROUTE = `"@type": ${EXT_PROC}.ExtProcPerRoute`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /given }, route: { cluster: a }, typed_per_filter_config: { proc: { ${PER_ROUTE}, overrides: { grpc_initial_metadata: [{ key: x-given, value: route }, { key: X-Both, value: route }] } } } }
    - { match: { prefix: / }, name: named, route: { cluster: a } }
`;
const post = (path: string, body: string): string => request('POST', path, { body });
const passes = (name: string, send: string, listener = 'front', more: Partial<Case> = {}): Case => ({
  name,
  listener,
  send,
  wants: { status: 200 },
  ...more,
});

compareWithEnvoy({
  name: 'filters-proc-attributes',
  statistics: /ext_proc\.(?!server_half_closed)/,
  listeners: {
    front: { filters: filter('', attributes) },
    bodies: { filters: filter(BODIES, attributes) },
    only: { filters: filter(`request_header_mode: SKIP, response_header_mode: SKIP, ${BODIES}`, attributes) },
    answer: { filters: filter('request_header_mode: SKIP', attributes) },
    none: { filters: filter('', '') },
    length: {
      filters: filter('request_body_mode: STREAMED, response_body_mode: STREAMED', 'allow_content_length_header: true'),
    },
  },
  clusters: grpcCluster('proc', server.port),
  virtualHosts,
  cases: [
    passes('with the heads', get('/a/b?c=d&e', 'user-agent: test/1')),
    passes('once in each direction', post('/a', 'hello'), 'bodies'),
    passes('with the bodies where there are no heads', post('/a', 'hello'), 'only'),
    passes('of the response alone', get('/a'), 'answer'),
    passes('another status', get('/a'), 'front', { script: { a: [respond({ status: 404 })] }, wants: { status: 404 } }),
    passes('none', get('/a'), 'none'),
    passes('metadata of a route', get('/given')),
    passes('the length of a body stays', post('/a', 'hello'), 'length'),
  ],
});
