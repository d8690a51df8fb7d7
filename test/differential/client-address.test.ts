// Who the client is when not the connection says it, what is changed of a head first of all, and ids of requests.
import { type Case, get, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const HTTP = 'type.googleapis.com/envoy.extensions.http';
const detected = (...extensions: string[]) =>
  `original_ip_detection_extensions: [${extensions.map((one, i) => `{ name: e${i}, typed_config: { ${one} } }`).join(', ')}]\ninternal_address_config: { cidr_ranges: [{ address_prefix: 10.0.0.0, prefix_len: 8 }] }`;
const header = (more = '') =>
  `'@type': ${HTTP}.original_ip_detection.custom_header.v3.CustomHeaderConfig, header_name: X-Real-Ip${more}`;
const xff = (more: string) => `'@type': ${HTTP}.original_ip_detection.xff.v3.XffConfig, ${more}`;
const TRUSTED =
  'xff_trusted_cidrs: { cidrs: [{ address_prefix: 127.0.0.0, prefix_len: 8 }, { address_prefix: 9.0.0.0, prefix_len: 8 }] }';
const early = (...mutations: string[]) =>
  `early_header_mutation_extensions: [{ name: m, typed_config: { '@type': ${HTTP}.early_header_mutation.header_mutation.v3.HeaderMutation, mutations: [${mutations.join(', ')}] } }]`;
const append = (key: string, value: string, action = 'OVERWRITE_IF_EXISTS_OR_ADD') =>
  `{ append: { header: { key: ${key}, value: '${value}' }, append_action: ${action} } }`;

const listeners: Readonly<Record<string, string>> = {
  header: detected(header()),
  trusting: detected(header(', allow_extension_to_set_address_as_trusted: true')),
  rejecting: detected(header(', reject_with_status: { code: 401 }')),
  mild: detected(header(', reject_with_status: { code: 301 }')),
  hops: detected(xff('xff_num_trusted_hops: 1')),
  appending: detected(xff('skip_xff_append: false')),
  behind: detected(xff(TRUSTED)),
  elsewhere: detected(xff('xff_trusted_cidrs: { cidrs: [{ address_prefix: 11.0.0.0, prefix_len: 8 }] }')),
  both: detected(header(), xff('xff_num_trusted_hops: 0')),
  early: early(
    append('x-seen', '%REQ(x-request-id)% %REQ(x-forwarded-proto)%'),
    append('x-forwarded-for', '1.2.3.4'),
    '{ remove: x-drop }',
    append('x-route', 'b'),
  ),
};

const HEADERS = [
  [],
  ['x-real-ip: 10.1.1.1'],
  ['x-real-ip: 4.4.4.4', 'x-forwarded-for: 10.2.2.2'],
  ['x-real-ip: nobody'],
  ['x-forwarded-for: 10.2.2.2'],
  ['x-forwarded-for: 5.5.5.5, 10.2.2.2, 9.9.9.9'],
  ['x-forwarded-for: 9.8.8.8, 9.9.9.9'],
  ['x-forwarded-for: nobody, 9.9.9.9'],
] as const;

const cases = Object.keys(listeners).flatMap((listener): Case[] =>
  HEADERS.map((headers) => {
    const found = /^x-real-ip: \d/.test(headers[0] ?? '');
    const refused = found ? undefined : { rejecting: 401, mild: 403 }[listener];
    const wants: Wants = { status: refused ?? 200, ...(refused === undefined ? {} : { reached: [] }) };
    return { name: `${listener}: ${headers.join(', ') || 'nothing'}`, listener, send: get('/', ...headers), wants };
  }),
);

compareWithEnvoy({
  name: 'client address',
  listeners: Object.fromEntries(Object.entries(listeners).map(([name, manager]) => [name, { manager }])),
  virtualHosts: `
- name: all
  domains: ['*']
  request_headers_to_add: [{ header: { key: x-client, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } }]
  routes:
  - { match: { prefix: /, headers: [{ name: x-route, string_match: { exact: b } }] }, route: { cluster: b } }
  - { match: { prefix: / }, route: { cluster: a } }`,
  cases: [
    ...cases,
    {
      name: 'early: what goes',
      listener: 'early',
      send: get('/', 'x-drop: 1', 'x-forwarded-proto: https'),
      wants: { status: 200, reached: ['b'] },
    },
  ],
});
