// What is asked of clients and servers beside a chain: a name, a key that may sign; and where the keys of connections are written.
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority, type TestAuthority } from '../../../test/support/certificates.ts';
import type { DownstreamTlsConfig, KeyLog, SecretRef } from '../config/tls-types.ts';
import { TlsCounts } from '../http/tls-counts.ts';
import { downstreamTls, validation } from '../testing/configs.ts';
import { SecretStore } from './secrets.ts';
import { ServerTls } from './server-tls.ts';

let authority: TestAuthority;
let own: SecretRef;
beforeAll(async () => {
  authority = await makeAuthority('mesh');
  const { certificate, key } = await authority.issue({ dns: ['server.test', '*.wild.test'] });
  own = { kind: 'inline', secret: { kind: 'certificate', chain: certificate, key } };
});

/** What a client hears, or which failure is counted. */
async function knock(change: Partial<DownstreamTlsConfig>, client: ConnectionOptions): Promise<string> {
  const tls = new ServerTls(downstreamTls(own, change), new SecretStore(), null, new TlsCounts(), Date.now);
  let failed = '';
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    tls.accept(socket, {
      onSecure: (secure) => secure.end('hello'),
      onFailed: (failure, detail) => {
        failed = `${failure} ${detail}`;
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client });
  let heard = '';
  socket.on('data', (bytes) => {
    heard += String(bytes);
  });
  socket.on('error', () => socket.destroy());
  await new Promise((resolve) => socket.once('close', resolve));
  server.close();
  return heard || failed;
}

const NO_NAME = 'connection_error TLS_error:|no certificate is for the server name:TLS_error_end';

describe('a server name', () => {
  test.each([
    ['none', {}, NO_NAME],
    ['one of nobody', { servername: 'nobody.test' }, NO_NAME],
    ['one that a certificate is for', { servername: 'SERVER.test' }, 'hello'],
    ['one that a wildcard is for', { servername: 'a.wild.test' }, 'hello'],
  ])('%s', async (_name, client, wants) => {
    expect(await knock({ requiresServerName: true }, client)).toBe(wants);
    expect(await knock({}, client)).toBe('hello');
  });
});

test.each([
  ['may sign', false, 'hello'],
  [
    'may not sign',
    true,
    'connection_error TLS_error:|268435758:SSL routines:OPENSSL_internal:KEY_USAGE_BIT_INCORRECT:TLS_error_end',
  ],
])('a client whose key %s', async (_name, signsNothing, wants) => {
  const { certificate, key } = await authority.issue({ dns: ['client.test'], signsNothing });
  const trust: SecretRef = { kind: 'inline', secret: { kind: 'trust', roots: authority.certificate } };
  const asks = { requireClientCertificate: true, validation: validation(trust) };
  expect(await knock(asks, { cert: certificate, key })).toBe(wants);
});

describe('keys', () => {
  const logged = async (ranges: Partial<KeyLog>): Promise<readonly string[]> => {
    const lines: string[] = [];
    const keyLog = { lines: { write: (line: string) => void lines.push(line), dropped: 0 }, local: null, remote: null };
    expect(await knock({ keyLog: { ...keyLog, ...ranges } }, {})).toBe('hello');
    return lines;
  };

  test('of every connection', async () => {
    const lines = await logged({});
    expect(lines).toContainEqual(expect.stringMatching(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+\n$/));
  });

  test('only of those between the right addresses', async () => {
    const here = (address: string): boolean => address === '127.0.0.1';
    const elsewhere = (): boolean => false;
    expect(await logged({ local: here, remote: here })).not.toEqual([]);
    expect(await logged({ local: elsewhere, remote: here })).toEqual([]);
    expect(await logged({ local: here, remote: elsewhere })).toEqual([]);
  });
});
