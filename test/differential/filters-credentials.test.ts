// Credentials of the proxy's own in requests (credential_injector), from secrets of every source.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector';
const GENERIC = 'type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic';

const filter = (credential: string, fields = ''): string =>
  `[{ name: inject, typed_config: { "@type": ${TYPE}, ${fields} credential: { name: generic, typed_config: { "@type": ${GENERIC}, ${credential} } } } }]`;
const fromFile = 'credential: { name: moving, sds_config: { path_config_source: { path: <folder>/sds.json } } }';

const secretFile = (value: string): string =>
  JSON.stringify({
    resources: [{ '@type': `${TLS}.Secret`, name: 'moving', generic_secret: { secret: { inline_string: value } } }],
  });

const injects = (
  name: string,
  listener: string,
  wants: Readonly<Record<string, string | null>>,
  ...headers: string[]
): Case => ({
  name,
  listener,
  send: get('/', ...headers),
  wants: { status: 200, reached: ['a'], seen: { headers: wants } },
});

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: / }, route: { cluster: a } }
`;

compareWithEnvoy(
  {
    name: 'filters-credentials',
    // Of the listener whose secret moves it counts how often was asked.
    statistics: /^http\.(?!moving).*credential_injector/,
    files: { 'sds.json': secretFile('first'), 'secret.txt': 'of a file\r\n\n' },
    listeners: {
      plain: { filters: filter('credential: { name: token }') },
      prefixed: { filters: filter('credential: { name: token }, header: X-Key, header_value_prefix: "Bearer "') },
      overwrites: { filters: filter('credential: { name: token }', 'overwrite: true,') },
      empty: { filters: filter('credential: { name: empty }') },
      lenient: { filters: filter('credential: { name: empty }', 'allow_request_without_credential: true,') },
      text: { filters: filter('credential: { name: text }') },
      moving: { filters: filter(fromFile) },
    },
    secrets: `
- { name: token, generic_secret: { secret: { inline_string: Basic abc } } }
- { name: empty, generic_secret: { secret: { inline_string: "" } } }
- { name: text, generic_secret: { secret: { filename: <folder>/secret.txt } } }
`,
    virtualHosts,
    cases: [
      injects('the secret as it stands', 'plain', { authorization: 'Basic abc' }),
      injects('another header, with a prefix', 'prefixed', { 'x-key': 'Bearer Basic abc', authorization: null }),
      injects('a header that is there stays', 'plain', { authorization: 'own' }, 'Authorization: own'),
      injects('an empty header that is there stays', 'plain', { authorization: '' }, 'Authorization:'),
      injects(
        'a header that is there gives way',
        'overwrites',
        { authorization: 'Basic abc' },
        'Authorization: a',
        'Authorization: b',
      ),
      injects('without the end of its line', 'text', { authorization: 'of a file' }),
      {
        name: 'an empty secret is none',
        listener: 'empty',
        send: get('/'),
        wants: { status: 401, reached: [], body: 'Failed to inject credential.' },
      },
      injects('an empty secret, and a header that is there', 'empty', { authorization: 'own' }, 'Authorization: own'),
      injects('no credential, as is allowed', 'lenient', { authorization: null }),
      injects('a secret of a source', 'moving', { authorization: 'first' }),
    ],
  },
  (pair) => test('a new secret is used from the next request on', () => compareRotation(pair())),
);

async function compareRotation({ reference, ours }: Pair): Promise<void> {
  const asked: Case = { name: 'asked', listener: 'moving', send: get('/'), wants: { status: 200, reached: ['a'] } };
  for (const stand of [reference, ours]) {
    writeFileSync(join(stand.folder, 'next.json'), secretFile('second'));
    renameSync(join(stand.folder, 'next.json'), join(stand.folder, 'sds.json'));
    await waitFor(`the new secret at ${stand.subject}`, async () =>
      (await observe(stand, asked, 'rotation')).upstreams[0]?.headers.includes('authorization: second'),
    );
  }
}
