// What an authorization server is asked about a connection, and what comes of each answer.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { type CheckRequest, CheckResponseSchema } from '../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import type { UnaryOutcome } from '../client/grpc-call.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { peerTls, testExchange } from '../testing/exchange.ts';
import type { Asking, Refusal } from './filter.ts';
import { compileNetworkFilter } from './registry.ts';

type Outcome = UnaryOutcome<typeof CheckResponseSchema>;

const compile = (config: JsonObject) => {
  const json = {
    stat_prefix: 's',
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'auth' } },
    ...config,
  };
  return compileNetworkFilter(anyPack(ExtAuthzSchema, fromJson(ExtAuthzSchema, json)), 'filter', 'f');
};

/** Starts the filter and keeps what is asked, and how to answer. */
function start(config: JsonObject = {}) {
  const clock = new ManualClock();
  let stats: object = {};
  const told: { request?: CheckRequest; answer?: (outcome: Outcome) => void; cancelled: number } = { cancelled: 0 };
  const grpc = (_method: unknown, _target: unknown, request: CheckRequest, answer: (outcome: Outcome) => void) => {
    Object.assign(told, { request, answer });
    return () => {
      told.cancelled += 1;
    };
  };
  const running = compile(config).start({
    clock,
    client: { grpc } as never,
    runtime: noRuntime,
    workers: 1,
    tally: () => null,
    stats(_name, make) {
      const made = make();
      stats = made;
      return made;
    },
    random: () => 0,
  }) as Asking;
  return { clock, running, told, counted: () => stats };
}

const message = (json: JsonObject = {}): Outcome => ({
  kind: 'message',
  message: fromJson(CheckResponseSchema, json),
});
const failed: Outcome = { kind: 'status', status: { code: 14, message: 'nobody' } };
const closed: Refusal = { delay: 0, details: '' };

test.each<[name: string, config: JsonObject, outcome: Outcome, refusal: Refusal | null, wants: object]>([
  ['let in', {}, message(), null, { flags: 0, details: '', counted: { ok: 1, total: 1, active: 0, cx_closed: 0 } }],
  [
    'denied',
    {},
    message({ status: { code: 7 } }),
    closed,
    { details: 'ext_authz_denied', counted: { denied: 1, cx_closed: 1, active: 0 } },
  ],
  ['not answered', {}, failed, closed, { details: 'ext_authz_error', counted: { error: 1, cx_closed: 1 } }],
  [
    'not answered, and open',
    { failure_mode_allow: true },
    failed,
    null,
    { details: '', counted: { error: 1, failure_mode_allowed: 1, cx_closed: 0 } },
  ],
])('%s', (_name, config, outcome, refusal, wants) => {
  const { running, told, counted } = start(config);
  const record = testExchange();
  let said: Refusal | null | undefined;
  running.ask(record, (answer) => {
    said = answer;
  });
  expect(said).toBe(undefined);
  told.answer!(outcome);
  expect(said).toEqual(refusal);
  expect({ flags: record.flags, details: record.details, counted: counted() }).toMatchObject(wants);
});

test('what is asked: both ends, notes, the server name', () => {
  const { running, told } = start({
    include_peer_certificate: true,
    include_tls_session: true,
    metadata_context_namespaces: ['ns', 'absent'],
  });
  const tls = peerTls({ sni: 'db.test', certificate: Buffer.from('der') });
  const record = testExchange({}, { tls });
  record.metadata = new Map([
    ['ns', { key: 'v' }],
    ['other', {}],
  ]);
  running.ask(record, () => undefined);
  expect(told.request!.attributes).toMatchObject({
    source: {
      principal: 'spiffe://cluster.local/ns/shop/sa/web',
      address: { address: { value: { address: '10.1.2.3' } } },
      certificate: expect.stringMatching(/^-----BEGIN%20CERTIFICATE-----%0AZGVy%0A/),
    },
    destination: { principal: 'spiffe://cluster.local/ns/shop/sa/orders' },
    metadataContext: { filterMetadata: { ns: { key: 'v' } } },
    tlsSession: { sni: 'db.test' },
  });
});

test('what the server notes, and how long it took', () => {
  const { clock, running, told } = start();
  const record = testExchange();
  running.ask(record, () => undefined);
  clock.advance(12);
  told.answer!(message({ dynamicMetadata: { user: 'ann' } }));
  expect(record.metadata?.get('envoy.filters.network.ext_authz')).toEqual({ user: 'ann', ext_authz_duration: 12 });
});

test('nobody is asked where metadata does not enable it', () => {
  const { running, told, counted } = start({
    filter_enabled_metadata: { filter: 'ns', path: [{ key: 'on' }], value: { bool_match: true } },
  });
  let said: Refusal | null | undefined;
  running.ask(testExchange(), (answer) => {
    said = answer;
  });
  expect([said, told.request]).toEqual([null, undefined]);
  expect(counted()).toMatchObject({ disabled: 1, total: 0 });
});

test('a question is given up', () => {
  const { running, told, counted } = start();
  running.ask(testExchange(), () => undefined)();
  expect(told.cancelled).toBe(1);
  expect(counted()).toMatchObject({ active: 0, total: 1 });
});

test.each<[config: JsonObject, message: string]>([
  [{ stat_prefix: '' }, 'f.stat_prefix: is empty'],
  [{ transport_api_version: 'V2' }, 'f.transport_api_version: must be V3'],
  [{ grpc_service: {} }, 'f.grpc_service.envoy_grpc: is required'],
  [{ send_tls_alert_on_denial: true }, 'f.send_tls_alert_on_denial: is not supported'],
  [{ bootstrap_metadata_labels_key: 'labels' }, 'f.bootstrap_metadata_labels_key: is not supported'],
])('refuses %j', (config, reason) => {
  expect(() => compile(config)).toThrow(reason);
});
