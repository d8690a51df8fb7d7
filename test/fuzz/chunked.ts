// Chunked bodies: any bytes are read alike whole and byte by byte; what is written is read again, however it is cut.
import { HeaderMap } from '../../src/proxy/http/headers.ts';
import { BodyDecoder } from '../../src/proxy/http1/body-decoder.ts';
import { Output } from '../../src/proxy/http1/output.ts';
import { CHUNKED } from '../../src/proxy/http1/response-parser.ts';
import { MemorySocket } from '../../src/proxy/testing/memory-socket.ts';
import type { Target } from './target.ts';

export const chunked: Target = {
  name: 'chunked',
  run(input) {
    const whole = read(input, input.length);
    if (whole !== read(input, 1)) throw new Error('it matters how the bytes were split');
    const size = 1 + (input[0] ?? 0);
    const trailers = input.length % 2 === 0 ? null : new HeaderMap(['x-t', '1']);
    const written = write(input, size, trailers);
    for (const cut of [written.length, 1, 7]) {
      const again = read(written, cut);
      const wanted = JSON.stringify([input.toString('latin1'), true, false, written.length, trailers?.fields ?? null]);
      if (again !== wanted) throw new Error(`decode(encode(x)) is ${again}`);
    }
  },
};

function read(input: Buffer, piece: number): string {
  const body: string[] = [];
  const decoder = new BodyDecoder({ onBody: (chunk) => void body.push(chunk.toString('latin1')) }, 100);
  decoder.start(CHUNKED);
  let at = 0;
  for (; at < input.length && !decoder.done && !decoder.broken; ) {
    at += decoder.feed(input.subarray(at, at + piece), 0);
  }
  return JSON.stringify([
    body.join(''),
    decoder.done,
    decoder.broken,
    decoder.broken ? 0 : at,
    decoder.trailers?.fields ?? null,
  ]);
}

function write(body: Buffer, size: number, trailers: HeaderMap | null): Buffer {
  const socket = new MemorySocket();
  const output = new Output(socket);
  output.begin('', 'chunked');
  for (let at = 0; at < body.length; at += size) output.body(body.subarray(at, at + size));
  output.finish(trailers);
  const bytes = Buffer.from(socket.written, 'latin1');
  socket.destroy();
  return bytes;
}
