// gRPC with clients that others wrote in Go: grpcurl, with reflection, and ghz, under load. Through plain text and TLS.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { type ProxyOptions, speaksHttp2, startProxyProcess } from '../support/proxy-process.ts';
import { TalkServer, talkProto } from '../support/talk-server.ts';
import { findTool } from '../support/tool.ts';

const grpcurl = findTool('grpcurl');
const ghz = findTool('ghz');

type Ran = { readonly code: number; readonly output: string; readonly errors: string };

let server: TalkServer;
let folder: string;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  server = await TalkServer.start();
  folder = mkdtempSync(join(tmpdir(), 'tulle-grpc-'));
});

afterAll(async () => {
  for (const stop of stops) await stop();
  server.stop();
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<ProxyOptions> = {}): Promise<number> {
  const proxy = await startProxyProcess({
    upstream: server.port,
    cluster: speaksHttp2,
    ...options,
    route: { timeout: '0s', ...options.route },
  });
  stops.push(() => proxy.process.stop());
  return proxy.port;
}

function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: 80_000, maxBuffer: 2 ** 26 }, (failed, output, errors) =>
      resolve({ code: failed === null ? 0 : Number(failed.code), output, errors }),
    );
    child.stdin?.end(input);
  });
}

/** Messages that grpcurl printed one after the other. */
function texts({ output }: Ran): string[] {
  return [...output.matchAll(/"text": "([^"]*)"/g)].map(([, text]) => text!);
}

/** Calls a method with messages that grpcurl reads from its input. */
function call(port: number, method: string, messages: readonly object[], ...flags: string[]): Promise<Ran> {
  const input = messages.map((message) => JSON.stringify(message)).join('\n');
  return run(grpcurl!, ['-plaintext', ...flags, '-d', '@', `127.0.0.1:${port}`, `test.Talk/${method}`], input);
}

const say = (port: number, text: string, ...flags: string[]) => call(port, 'Say', [{ text }], ...flags);

describe.skipIf(grpcurl === null)('grpcurl', () => {
  let port: number;
  beforeAll(async () => {
    port = await start();
  });

  it('lists and describes what the server says of itself', async () => {
    const target = ['-plaintext', `127.0.0.1:${port}`];
    const list = await run(grpcurl!, [...target, 'list']);
    expect(list.output.split('\n')).toContain('test.Talk');
    const description = await run(grpcurl!, [...target, 'describe', 'test.Talk']);
    expect(description.output).toContain('rpc Chat ( stream .test.Word ) returns ( stream .test.Word );');
  });

  it('unary, with metadata in both directions, binary too, and trailers', async () => {
    const flags = ['-v', '-H', 'probe: a b', '-H', 'probe-bin: AP8KDQ=='];
    const ran = await call(port, 'Say', [{ text: 'hello', payload: 'AAECAw==' }], ...flags);
    expect(ran).toMatchObject({ code: 0, errors: '' });
    expect(JSON.parse(/\{[^}]*\}/.exec(ran.output)![0])).toEqual({ text: 'hello', payload: 'AAECAw==' });
    const [headers, trailers] = ran.output.split('Response trailers received:');
    expect(headers).toMatch(/^probe: a b$/m);
    expect(headers).toMatch(/^probe-bin: AP8KDQ==?$/m);
    expect(headers).not.toContain('last-word');
    expect(trailers).toMatch(/^last-word: bye$/m);
  });

  it('a stream of answers', async () => {
    const numbers = texts(await call(port, 'Count', [{ value: 500 }]));
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, i) => String(i + 1)));
  });

  it('a stream of answers that is empty', async () => {
    expect(await call(port, 'Count', [{ value: 0 }])).toEqual({ code: 0, output: '', errors: '' });
  });

  it('a stream of requests', async () => {
    expect(texts(await call(port, 'Join', [{ text: 'one' }, { text: 'two' }, { text: 'three' }]))).toEqual([
      'one two three',
    ]);
    expect(texts(await call(port, 'Join', []))).toEqual([]);
  });

  it('a conversation', async () => {
    const words = Array.from({ length: 50 }, (_, i) => ({ text: String(i) }));
    expect(texts(await call(port, 'Chat', words))).toEqual(words.map(({ text }) => `${text}!`));
  });

  it('an error with details', async () => {
    const ran = await say(port, 'fail');
    expect(ran.code).toBe(64 + 9);
    expect(ran.errors).toContain('Code: FailedPrecondition');
    expect(ran.errors).toContain('Message: not today');
    expect(ran.errors).toMatch(/"@type": ?"type.googleapis.com\/google.protobuf.Duration"/);
    expect(ran.errors).toContain('"7s"');
  });

  it('a method that the server does not have', async () => {
    const proto = ['-import-path', join(talkProto, '..'), '-proto', 'talk.proto'];
    const ran = await run(grpcurl!, ['-plaintext', ...proto, `127.0.0.1:${port}`, 'test.Talk/Shout']);
    expect(ran.errors).toContain('does not include a method named "Shout"');
    const health = await run(grpcurl!, ['-plaintext', `127.0.0.1:${port}`, 'grpc.health.v1.Health/Check']);
    expect(health.code).not.toBe(0);
  });

  it('tells the server how long the caller waits, and ends the call when it does not answer', async () => {
    const [text] = texts(await say(port, 'deadline', '-max-time', '20'));
    expect(Number(text)).toBeGreaterThan(5_000);
    expect(Number(text)).toBeLessThanOrEqual(20_000);
    const before = server.cancelled;
    const ran = await say(port, 'never', '-max-time', '5');
    expect(ran.code).toBe(64 + 4);
    await expect.poll(() => server.cancelled).toBe(before + 1);
  });

  it('a message of 4 MB', async () => {
    const text = 'x'.repeat(4 * 1024 * 1024);
    const [answer] = texts(await say(port, text, '-max-msg-sz', String(8 * 1024 * 1024)));
    expect(answer?.length).toBe(text.length);
  });

  it('nobody listens: unavailable', async () => {
    const lost = await start({ upstream: 1 });
    const proto = ['-import-path', join(talkProto, '..'), '-proto', 'talk.proto'];
    const ran = await say(lost, 'hello', ...proto);
    expect(ran.code).toBe(64 + 14);
    expect(ran.errors).toContain('upstream connect error');
  });
});

describe.skipIf(grpcurl === null)('the proxy', () => {
  it('ends a call by grpc-timeout where the route says so, before the caller does', async () => {
    const port = await start({ route: { max_stream_duration: { grpc_timeout_header_max: '0.5s' } } });
    const began = performance.now();
    const ran = await say(port, 'never', '-max-time', '20');
    expect(ran.code).toBe(64 + 4);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it.each([
    ['unavailable', 'UNAVAILABLE', 0, 3],
    ['resource-exhausted', 'RESOURCE_EXHAUSTED', 0, 3],
    ['cancelled,internal', 'INTERNAL', 0, 3],
    ['unavailable', 'RESOURCE_EXHAUSTED', 64 + 8, 1],
    ['unavailable', 'NOT_FOUND', 64 + 5, 1],
  ])('retries on %s what failed by %s', async (retry_on, code, exit, calls) => {
    const port = await start({ route: { retry_policy: { retry_on, num_retries: 3 } } });
    const text = `fail 2 ${code} ${retry_on}`;
    const ran = await say(port, text);
    expect(ran.code).toBe(exit);
    expect(server.said.filter((one) => one === text).length).toBe(calls);
    if (exit === 0) expect(texts(ran)).toEqual([text]);
  });

  it('gives up after the last retry with what the server said', async () => {
    const port = await start({ route: { retry_policy: { retry_on: 'unavailable', num_retries: 2 } } });
    const ran = await say(port, 'fail 9 UNAVAILABLE');
    expect(ran.code).toBe(64 + 14);
    expect(ran.errors).toContain('Message: not yet');
    expect(server.said.filter((one) => one === 'fail 9 UNAVAILABLE').length).toBe(3);
  });

  it('speaks HTTP/2 over TLS, agreed on by ALPN', async () => {
    const { port, authority } = await startSecure();
    const target = ['-cacert', authority, '-servername', 'talk.test', '-d', '@', `127.0.0.1:${port}`];
    const ran = await run(grpcurl!, [...target, 'test.Talk/Say'], '{"text":"secret"}');
    expect(ran).toMatchObject({ code: 0, errors: '' });
    expect(texts(ran)).toEqual(['secret']);
    const chat = await run(grpcurl!, [...target, 'test.Talk/Chat'], '{"text":"a"}{"text":"b"}');
    expect(texts(chat)).toEqual(['a!', 'b!']);
  });
});

async function startSecure(): Promise<{ port: number; authority: string }> {
  const authority = await makeAuthority();
  const { certificate, key } = await authority.issue({ dns: ['talk.test'] });
  const file = join(folder, 'ca.pem');
  writeFileSync(file, authority.certificate);
  const common_tls_context = {
    alpn_protocols: ['h2', 'http/1.1'],
    tls_certificates: [{ certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } }],
  };
  const context = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  const transport_socket = { name: 'tls', typed_config: { '@type': context, common_tls_context } };
  return { port: await start({ chain: { transport_socket } }), authority: file };
}

type GhzReport = { count: number; statusCodeDistribution: object; errorDistribution: object };

/** 3,000 calls by 30 callers over 3 connections. */
async function load(target: readonly string[], method: string, message: object): Promise<GhzReport> {
  const size = ['--total', '3000', '--concurrency', '30', '--connections', '3', '--format', 'json'];
  const what = ['--proto', talkProto, '--call', `test.Talk.${method}`, '--data', JSON.stringify(message)];
  const ran = await run(ghz!, [...size, ...what, ...target]);
  expect(ran.errors).toBe('');
  return JSON.parse(ran.output) as GhzReport;
}

const allOk = { count: 3_000, statusCodeDistribution: { OK: 3_000 }, errorDistribution: {} };

describe.skipIf(ghz === null)('ghz', { timeout: 90_000 }, () => {
  it('unary calls: no error', async () => {
    const port = await start();
    expect(await load(['--insecure', `127.0.0.1:${port}`], 'Say', { text: 'hello' })).toMatchObject(allOk);
  });

  it('streams of answers: no error', async () => {
    const port = await start();
    expect(await load(['--insecure', `127.0.0.1:${port}`], 'Count', { value: 10 })).toMatchObject(allOk);
  });

  it('over TLS: no error', async () => {
    const { port, authority } = await startSecure();
    const target = ['--cacert', authority, '--cname', 'talk.test', `127.0.0.1:${port}`];
    expect(await load(target, 'Say', { text: 'hello' })).toMatchObject(allOk);
  });
});
