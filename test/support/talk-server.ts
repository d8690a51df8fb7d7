// The server behind tests with clients of gRPC: test.Talk of protos/talk.proto, with reflection.

import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt';
import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { StatusSchema } from '../../src/xds/gen/google/rpc/status_pb.ts';

type Word = { text: string; payload?: Buffer };
type Say = ServerUnaryCall<Word, Word>;
type Join = ServerReadableStream<Word, Word>;
type Chat = ServerDuplexStream<Word, Word>;

export const talkProto = join(import.meta.dirname, 'protos/talk.proto');

export class TalkServer {
  readonly port: number;
  /** Texts said to `Say` and `Join`, in the order they came. */
  readonly said: string[] = [];
  /** Calls of `Chat` and `Say` that the caller gave up. */
  cancelled = 0;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(): Promise<TalkServer> {
    const definition = loadSync(talkProto);
    const server = new Server({ 'grpc.max_receive_message_length': -1 });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const talk = new TalkServer(server, port);
    const { test } = loadPackageDefinition(definition) as unknown as { test: { Talk: { service: ServiceDefinition } } };
    server.addService(test.Talk.service, {
      Say: (call: Say, answer: sendUnaryData<Word>) => talk.#say(call, answer),
      Count: count,
      Join: (call: Join, answer: sendUnaryData<Word>) => talk.#join(call, answer),
      Chat: (call: Chat) => talk.#chat(call),
    });
    new ReflectionService(definition).addToServer(server);
    return talk;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /**
   * `fail` fails with details, `fail N STATUS` fails the first N times it is said with the status and then echoes, `never` does not answer,
   * `deadline` answers with the milliseconds that are left, anything else is echoed with the metadata `probe` and `probe-bin`.
   */
  #say(call: Say, answer: sendUnaryData<Word>): void {
    const { text } = call.request;
    this.said.push(text);
    call.on('cancelled', () => {
      this.cancelled += 1;
    });
    if (text === 'never') return;
    const refusal = this.#refusal(text);
    if (refusal !== null) {
      answer(refusal);
      return;
    }
    call.sendMetadata(echoed(call.metadata));
    const trailers = new Metadata();
    trailers.set('last-word', 'bye');
    answer(null, text === 'deadline' ? { text: String(left(call)) } : call.request, trailers);
  }

  #refusal(text: string): Partial<StatusObject> | null {
    if (text === 'fail') return { code: status.FAILED_PRECONDITION, details: 'not today', metadata: details() };
    const [, times, code] = /^fail (\d+) (\w+)/.exec(text) ?? [];
    const before = this.said.filter((one) => one === text).length;
    return before <= Number(times ?? 0) ? { code: status[code as keyof typeof status], details: 'not yet' } : null;
  }

  #join(call: Join, answer: sendUnaryData<Word>): void {
    const words: string[] = [];
    call.on('data', ({ text }: Word) => words.push(text));
    call.on('end', () => {
      this.said.push(words.join(' '));
      answer(null, { text: words.join(' ') });
    });
  }

  #chat(call: Chat): void {
    call.on('data', ({ text }: Word) => call.write({ text: `${text}!` }));
    call.on('end', () => call.end());
    call.on('cancelled', () => {
      this.cancelled += 1;
    });
  }
}

function count(call: ServerWritableStream<{ value: number }, Word>): void {
  for (let i = 1; i <= call.request.value; i++) call.write({ text: String(i) });
  call.end();
}

function echoed(metadata: Metadata): Metadata {
  const back = new Metadata();
  for (const name of ['probe', 'probe-bin']) {
    for (const value of metadata.get(name)) back.add(name, value);
  }
  return back;
}

function left(call: Say): number {
  return Number(call.getDeadline()) - Date.now();
}

/** What google.rpc.Status calls details: here when to try again. */
function details(): Metadata {
  const wait = anyPack(DurationSchema, create(DurationSchema, { seconds: 7n }));
  const message = create(StatusSchema, { code: status.FAILED_PRECONDITION, message: 'not today', details: [wait] });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, message)));
  return metadata;
}
