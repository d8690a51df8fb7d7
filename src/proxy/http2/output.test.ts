import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { Http2Output } from './output.ts';
import { frame } from './protocol.ts';

// The symptom: a connection between two proxies was ended as a flood after its 10,000th frame, though its peer had taken every one.
test('frames that a TLS socket has taken count no longer', async () => {
  const { certificate: cert, key } = await (await makeAuthority('test')).issue({
    commonName: 'a',
    uris: [],
    dns: ['a'],
  });
  const server = createServer({ cert, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect({ port: (server.address() as AddressInfo).port, rejectUnauthorized: false });
  const [accepted] = (await once(server, 'secureConnection')) as [TLSSocket];
  accepted.resume();
  const output = new Http2Output(client);
  for (let turn = 0; turn < 3; turn++) {
    for (let i = 0; i < 10; i++) output.control(frame.ping, 0, 0, Buffer.alloc(8));
    output.number(frame.windowUpdate, 1, 1);
    output.flushNow();
  }
  expect([output.frames, output.controlFrames]).toEqual([33, 30]);
  await waitFor('taken', () => output.frames === 0);
  expect(output.controlFrames).toBe(0);
  client.destroy();
  server.close();
});
