// gRPC through the proxy, with the official client and server at its ends: what they see must be what they would see without it.
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestProcess } from '../support/process.ts';
import { speaksHttp2, startProxyProcess } from '../support/proxy-process.ts';

const text = (value: string) => Buffer.from(value);
const parse = (bytes: Buffer) => bytes.toString();

function method(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<string, string> {
  return {
    path: `/test.Talk/${path}`,
    requestStream,
    responseStream,
    requestSerialize: text,
    requestDeserialize: parse,
    responseSerialize: text,
    responseDeserialize: parse,
  };
}

const methods = {
  say: method('Say', false, false),
  count: method('Count', false, true),
  join: method('Join', true, false),
  chat: method('Chat', true, true),
};

let server: Server;
let proxy: { readonly port: number; readonly process: TestProcess };
let client: Client;
let cancelled = 0;

beforeAll(async () => {
  server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(methods, {
    say: (call: never, callback: never) => say(call, callback),
    count: (call: { request: string; write(text: string): void; end(): void }) => {
      for (let i = 1; i <= Number(call.request); i++) call.write(String(i));
      call.end();
    },
    join: (call: AsyncIterable<string>, callback: (error: null, value: string) => void) => {
      void (async () => {
        const words: string[] = [];
        for await (const word of call) words.push(word);
        callback(null, words.join(' '));
      })();
    },
    chat: (call: {
      on(event: string, heard: (value: string) => void): void;
      write(text: string): void;
      end(): void;
    }) => {
      call.on('data', (word) => call.write(`${word}!`));
      call.on('end', () => call.end());
      call.on('cancelled', () => {
        cancelled += 1;
      });
    },
  } as never);
  const upstream = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  proxy = await startProxyProcess({ upstream, cluster: speaksHttp2, route: { timeout: '0s' } });
  client = new Client(`127.0.0.1:${proxy.port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
});

afterAll(async () => {
  client.close();
  server.forceShutdown();
  await proxy.process.stop();
});

type SayCall = { request: string; metadata: Metadata; sendMetadata(metadata: Metadata): void };

function say(call: SayCall, callback: (error: object | null, value?: string, trailers?: Metadata) => void): void {
  const { request, metadata } = call;
  if (request === 'fail') {
    callback({ code: status.FAILED_PRECONDITION, details: 'not ünlike 100%' });
    return;
  }
  if (request === 'never') return;
  const back = new Metadata();
  back.set('echo-bin', metadata.get('probe-bin')[0] ?? Buffer.alloc(0));
  call.sendMetadata(back);
  const trailers = new Metadata();
  trailers.set('last-word', 'bye');
  callback(null, `${request}${metadata.get('probe').join()}`, trailers);
}

type UnaryAnswer = { value: string; headers: Metadata; trailers: Metadata };

function unary(request: string, metadata = new Metadata(), options = {}): Promise<UnaryAnswer> {
  return new Promise((resolve, reject) => {
    const answer: UnaryAnswer = { value: '', headers: new Metadata(), trailers: new Metadata() };
    const { path, requestSerialize, responseDeserialize } = methods.say;
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      (error, value) => {
        answer.value = value ?? '';
        if (error) reject(error);
      },
    );
    call.on('metadata', (headers) => {
      answer.headers = headers;
    });
    call.on('status', ({ code, metadata: trailers }) => {
      answer.trailers = trailers;
      if (code === status.OK) resolve(answer);
    });
  });
}

describe('gRPC', () => {
  it('unary, with metadata in both directions, binary too', async () => {
    const metadata = new Metadata();
    metadata.set('probe', 'and more');
    metadata.set('probe-bin', Buffer.from([0, 255, 10, 13]));
    const { value, headers, trailers } = await unary('hello', metadata);
    expect(value).toBe('helloand more');
    expect(headers.get('echo-bin')[0]).toEqual(Buffer.from([0, 255, 10, 13]));
    expect(trailers.get('last-word')).toEqual(['bye']);
  });

  it('an error in trailers only keeps its status and message', async () => {
    const error = await unary('fail').catch((failure: ServiceError) => failure);
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not ünlike 100%' });
  });

  it('a deadline ends the call', async () => {
    const error = await unary('never', new Metadata(), { deadline: Date.now() + 300 }).catch(
      (failure: ServiceError) => failure,
    );
    expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });

  it('a message of 8 MB', async () => {
    const { value } = await unary('x'.repeat(8 * 1024 * 1024));
    expect(value.length).toBe(8 * 1024 * 1024);
  });

  it('compressed messages', async () => {
    const packing = new Client(`127.0.0.1:${proxy.port}`, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
    });
    const value = await new Promise((resolve, reject) => {
      packing.makeUnaryRequest(methods.say.path, text, parse, 'z'.repeat(10_000), (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
    packing.close();
    expect(value).toBe('z'.repeat(10_000));
  });

  it('a stream of answers', async () => {
    const numbers: string[] = [];
    for await (const number of client.makeServerStreamRequest(methods.count.path, text, parse, '1000'))
      numbers.push(String(number));
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i + 1)));
  });

  it('a stream of requests', async () => {
    const value = await new Promise<string | undefined>((resolve, reject) => {
      const call = client.makeClientStreamRequest(methods.join.path, text, parse, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
      for (const word of ['one', 'two', 'three']) call.write(word);
      call.end();
    });
    expect(value).toBe('one two three');
  });

  it('a conversation, in which each word is answered before the next is said', async () => {
    const call = client.makeBidiStreamRequest(methods.chat.path, text, parse);
    const heard: string[] = [];
    call.write('0');
    for await (const word of call) {
      heard.push(String(word));
      if (heard.length === 5) call.end();
      else call.write(String(heard.length));
    }
    expect(heard).toEqual(['0!', '1!', '2!', '3!', '4!']);
  });

  it('a cancelled call is cancelled at the server', async () => {
    const call = client.makeBidiStreamRequest(methods.chat.path, text, parse);
    const error = new Promise<ServiceError>((resolve) => call.on('error', resolve));
    call.write('a');
    await new Promise((resolve) => call.once('data', resolve));
    call.cancel();
    expect(await error).toMatchObject({ code: status.CANCELLED });
    await expect.poll(() => cancelled).toBe(1);
  });

  it('what no route and no upstream can answer is told in gRPC terms', async () => {
    const lost = await startProxyProcess({ upstream: 1, cluster: speaksHttp2 });
    const stranger = new Client(`127.0.0.1:${lost.port}`, credentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      stranger.makeUnaryRequest(methods.say.path, text, parse, 'hello', resolve);
    });
    stranger.close();
    await lost.process.stop();
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    expect(error?.details).toContain('upstream connect error');
  });
});
