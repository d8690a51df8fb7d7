// Sessions are resumed where the same is asked of clients, and nowhere else, also where the keys of tickets are shared.
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { makeAuthority, type TestAuthority } from '../../../test/support/certificates.ts';
import { bootstrapSource } from '../config/config-source.ts';
import type { DownstreamTlsConfig, SecretRef, SecretValue } from '../config/tls-types.ts';
import { TlsCounts } from '../http/tls-counts.ts';
import { downstreamTls, validation } from '../testing/configs.ts';
import { SecretStore } from './secrets.ts';
import { ServerTls } from './server-tls.ts';

const ticketKeys = randomBytes(48);
let ours: TestAuthority;
let theirs: TestAuthority;
let shown: Extract<SecretValue, { kind: 'certificate' }>;
beforeAll(async () => {
  [ours, theirs] = await Promise.all([makeAuthority('ours'), makeAuthority('theirs')]);
  const { certificate, key } = await ours.issue({ dns: ['server.test'] });
  shown = { kind: 'certificate', chain: certificate, key };
});

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

const inline = (secret: SecretValue): SecretRef => ({ kind: 'inline', secret });
const trusting = (...authorities: readonly TestAuthority[]) =>
  inline({ kind: 'trust', roots: authorities.map(({ certificate }) => certificate).join('\n') });

/** A listener that says hello to whom it lets in. */
async function serve(change: Partial<DownstreamTlsConfig>, secrets = new SecretStore()): Promise<number> {
  const tls = new ServerTls(
    {
      ...downstreamTls(inline(shown)),
      requireClientCertificate: true,
      sessions: { tickets: true, ticketKeys, timeout: 0 },
      ...change,
    },
    secrets,
    null,
    new TlsCounts(),
    Date.now,
  );
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    tls.accept(socket, {
      onSecure: (secure) => {
        secure.on('error', () => secure.destroy());
        secure.on('data', () => secure.end('hello'));
      },
      onFailed: () => undefined,
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

type Visit = { readonly said: string; readonly resumed: boolean; readonly session: Buffer | undefined };

async function visit(port: number, options: ConnectionOptions): Promise<Visit> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'server.test', ...options });
  let said = '';
  let session: Buffer | undefined;
  socket.on('data', (bytes: Buffer) => {
    said += String(bytes);
  });
  socket.on('session', (ticket) => {
    session = ticket;
  });
  socket.on('error', () => socket.destroy());
  socket.write('x');
  let resumed = false;
  socket.once('secureConnect', () => {
    resumed = socket.isSessionReused();
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { said, resumed, session };
}

async function clientOf(authority: TestAuthority): Promise<ConnectionOptions> {
  const { certificate, key } = await authority.issue({ uris: ['spiffe://a/b'] });
  return { cert: certificate, key };
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a ticket of %s opens another listener that asks the same',
  async (maxVersion) => {
    const [here, there] = await Promise.all([
      serve({ validation: validation(trusting(ours)), maxVersion }),
      serve({ validation: validation(trusting(ours)), maxVersion }),
    ]);
    const client = await clientOf(ours);
    const { said, session } = await visit(here, client);
    expect(said).toBe('hello');
    expect(await visit(there, { ...client, session })).toMatchObject({ said: 'hello', resumed: true });
  },
);

test.each([
  ['TLSv1.2', 'trusts others', () => validation(trusting(theirs))],
  ['TLSv1.3', 'trusts others', () => validation(trusting(theirs))],
  ['TLSv1.3', 'trusts others too', () => validation(trusting(ours, theirs))],
  ['TLSv1.3', 'asks for more of a chain', () => validation(trusting(ours), { maxDepth: 1 })],
] as const)('a ticket of %s opens no listener that %s', async (maxVersion, _what, asked) => {
  const [here, there] = await Promise.all([
    serve({ validation: validation(trusting(ours)), maxVersion }),
    serve({ validation: asked(), maxVersion }),
  ]);
  const client = await clientOf(ours);
  const { session } = await visit(here, client);
  expect(session).toBeDefined();
  expect(await visit(there, { ...client, session })).toMatchObject({ resumed: false });
  // Without its certificate the client has nothing but the ticket.
  expect(await visit(there, { session })).toMatchObject({ said: '' });
});

test('a revocation refuses whom a ticket would bring back', async () => {
  const secrets = new SecretStore();
  const set = (value: SecretValue) => secrets.set(bootstrapSource.key, 'trust', value);
  const trust: SecretRef = { kind: 'sds', name: 'trust', source: bootstrapSource };
  set({ kind: 'trust', roots: ours.certificate });
  const port = await serve({ validation: validation(trust) }, secrets);
  const client = await clientOf(ours);
  const { said, session } = await visit(port, client);
  expect(said).toBe('hello');
  set({ kind: 'trust', roots: ours.certificate, crl: await ours.revoke([String(client.cert)]) });
  expect(await visit(port, { ...client, session })).toMatchObject({ said: '' });
});

test('nobody renegotiates', async () => {
  const port = await serve({ validation: validation(trusting(ours)), maxVersion: 'TLSv1.2' });
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(await clientOf(ours)) });
  open.push({ close: () => socket.destroy() });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const refused = await new Promise((resolve) => {
    socket.once('error', resolve);
    socket.renegotiate({}, resolve);
  });
  expect(refused).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
});
