// The tools other tests stand on are tested by talking to each other.
import { afterEach, describe, expect, test } from 'vitest';
import { makeAuthority } from './certificates.ts';
import { freePorts } from './ports.ts';
import { pinnedNode, TestProcess } from './process.ts';
import { exchange, RawConnection } from './raw-http.ts';
import { raw, respond, ScriptedUpstream } from './upstream.ts';
import { waitFor } from './wait-for.ts';

let upstream: ScriptedUpstream | undefined;
afterEach(async () => {
  await upstream?.stop();
  upstream = undefined;
});

const GET = 'GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n';

describe('scripted upstream and raw client', () => {
  test('answers by name and records the request', async () => {
    upstream = await ScriptedUpstream.start('one');
    const response = await exchange(upstream.port, GET);
    expect(response).toMatchObject({ status: 200, body: 'one', version: 'HTTP/1.1' });
    expect(upstream.received).toMatchObject([{ startLine: 'GET /a?b HTTP/1.1', headers: [['Host', 'x']], body: '' }]);
  });

  test('replies follow the script and the last one repeats', async () => {
    upstream = await ScriptedUpstream.start('one');
    upstream.script([respond({ status: 503 }), respond({ body: 'then' })]);
    using connection = await RawConnection.open(upstream.port);
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      connection.send(GET);
      statuses.push((await connection.response()).status);
    }
    expect(statuses).toEqual([503, 200, 200]);
    expect(new Set(upstream.received.map((request) => request.connection)).size).toBe(1);
  });

  test('chunks and trailers are read in both directions', async () => {
    upstream = await ScriptedUpstream.start('one');
    upstream.script([
      raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n'),
    ]);
    const request = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n';
    const response = await exchange(upstream.port, request);
    expect(response).toMatchObject({ body: 'abcde', chunked: true, trailers: [['T', '1']] });
    expect(upstream.received).toMatchObject([{ body: 'body', chunked: true }]);
  });

  test('a reset in the body is an error, not an end', async () => {
    upstream = await ScriptedUpstream.start('one');
    upstream.script([raw('HTTP/1.1 200 OK\r\n\r\nhalf', 'reset')]);
    await expect(exchange(upstream.port, GET)).rejects.toThrow('reset');
  });

  test('interim responses are kept apart', async () => {
    upstream = await ScriptedUpstream.start('one');
    const response = await exchange(
      upstream.port,
      'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(response).toMatchObject({ interim: [100], status: 200 });
  });

  test('mutual TLS accepts only the authority that signed the client', async () => {
    const [mine, other] = await Promise.all([makeAuthority('mine'), makeAuthority('other')]);
    const server = await mine.issue({ uris: ['spiffe://cluster.local/ns/a/sa/server'], dns: ['server.test'] });
    upstream = await ScriptedUpstream.start('one', {
      tls: { cert: server.certificate, key: server.key, ca: mine.certificate, requestCert: true },
    });
    const client = await mine.issue({ commonName: 'client' });
    const stranger = await other.issue({ commonName: 'client' });
    const base = { ca: mine.certificate, servername: 'server.test' };
    expect(await exchange(upstream.port, GET, { ...base, cert: client.certificate, key: client.key })).toMatchObject({
      status: 200,
    });
    await expect(
      exchange(upstream.port, GET, { ...base, cert: stranger.certificate, key: stranger.key }),
    ).rejects.toThrow();
  });
});

describe('processes, ports and waiting', () => {
  test('a process is ready, stopped by id and its output kept', async () => {
    const [port] = await freePorts(1);
    const script = `require('net').createServer().listen(${port}, '127.0.0.1', () => console.log('up'))`;
    const started: TestProcess = await TestProcess.start({
      command: pinnedNode,
      args: ['-e', script],
      ready: async () => (await RawConnection.open(port!)) !== undefined,
    });
    await waitFor('its output', () => started.output === 'up\n');
    await started.stop();
    expect(() => process.kill(started.pid, 0)).toThrow('ESRCH');
  });

  test('a process that ends instead of becoming ready is an error with its output', async () => {
    const start = TestProcess.start({
      command: pinnedNode,
      args: ['-e', 'console.error("no port"); process.exit(3)'],
      ready: () => false,
    });
    await expect(start).rejects.toThrow(/ended with 3:\nno port/);
  });

  test('a deadline names what was waited for and keeps the last error', async () => {
    const waiting = waitFor('the moon', () => Promise.reject(new Error('cloudy')), { deadline: 40 });
    await expect(waiting).rejects.toMatchObject({
      message: 'the moon: not within 40 ms',
      cause: { message: 'cloudy' },
    });
  });
});
