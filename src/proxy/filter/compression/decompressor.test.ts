// A body that grows is let grow so far and no further; the rest is compared with Envoy.
import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { BrotliSchema } from '../../../xds/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import { GzipSchema } from '../../../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import { ZstdSchema } from '../../../xds/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import { DecompressorSchema } from '../../../xds/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import { testExchange } from '../../testing/exchange.ts';
import { testScope } from '../../testing/scope.ts';
import type { FilterOutlet, FilterStream, LocalReply } from '../filter.ts';
import { decompressor } from './decompressor.ts';

function compile<Desc extends DescMessage>(
  library: Desc,
  fields: MessageInitShape<Desc> = {} as MessageInitShape<Desc>,
) {
  const decompressorLibrary = { name: 'lib', typedConfig: anyPack(library, create(library, fields)) };
  return decompressor.chain.compile(
    anyPack(DecompressorSchema, create(DecompressorSchema, { decompressorLibrary })),
    'd',
    'f',
  )!;
}

type Outcome = { readonly bytes: number; readonly answer: LocalReply | null };

/** What comes of a request body that is given in one piece. */
function decode(filter: ReturnType<typeof compile>, encoding: string, body: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    let bytes = 0;
    const outlet: FilterOutlet = {
      proceed: () => undefined,
      write: (chunk) => {
        bytes += chunk.length;
      },
      finish: () => resolve({ bytes, answer: null }),
      pause: () => undefined,
      resume: () => undefined,
    };
    const stream: FilterStream = {
      request: outlet,
      response: outlet,
      answer: (answer) => resolve({ bytes, answer }),
      reroute: () => undefined,
      run: (work) => work(),
    };
    const exchange = testExchange({ headers: ['content-encoding', encoding] });
    const { request } = filter.open!(exchange, testScope(), stream)!;
    request!.head!(exchange.request, false);
    request!.data!(body);
    request!.end!(null);
  });
}

describe('a body of zeros', () => {
  const zeros = Buffer.alloc(4_000_000);

  test.each([
    ['gzip', compile(GzipSchema), gzipSync(zeros)],
    ['br', compile(BrotliSchema), brotliCompressSync(zeros)],
    ['zstd', compile(ZstdSchema), zstdCompressSync(zeros)],
  ])('%s: is refused before more than a hundredfold has gone on', async (encoding, filter, body) => {
    const { bytes, answer } = await decode(filter, encoding, body);
    expect(answer?.details).toBe('decompression_failed');
    expect(bytes).toBeLessThanOrEqual(body.length * 100);
  });

  test('passes where the ratio allows it', async () => {
    const filter = compile(GzipSchema, { maxInflateRatio: 1_032 });
    expect(await decode(filter, 'gzip', gzipSync(zeros))).toEqual({ bytes: zeros.length, answer: null });
  });
});

describe('a receiver that is full', () => {
  /** Full after each piece, until the next turn: the most that came between two turns, and all there was. */
  async function decodeSlowly(filter: ReturnType<typeof compile>, encoding: string, body: Buffer) {
    let [waiting, most, all] = [0, 0, 0];
    const { promise, resolve } = Promise.withResolvers<void>();
    const outlet: FilterOutlet = {
      proceed: () => undefined,
      write: (chunk) => {
        all += chunk.length;
        waiting += chunk.length;
        most = Math.max(most, waiting);
        request!.receiver!(true);
        setImmediate(() => {
          waiting = 0;
          request!.receiver!(false);
        });
      },
      finish: () => resolve(),
      pause: () => undefined,
      resume: () => undefined,
    };
    const stream: FilterStream = {
      request: outlet,
      response: outlet,
      answer: () => resolve(),
      reroute: () => undefined,
      run: (work) => work(),
    };
    const exchange = testExchange({ headers: ['content-encoding', encoding] });
    const { request } = filter.open!(exchange, testScope(), stream)!;
    request!.head!(exchange.request, false);
    request!.data!(body);
    request!.end!(null);
    await promise;
    return { most, all };
  }

  const digits = Array.from({ length: 16_000 }, (_, i) => createHash('sha256').update(String(i)).digest('hex'));
  const letters = Buffer.from(digits.join(''));

  test.each([
    ['gzip', compile(GzipSchema), gzipSync(letters)],
    ['br', compile(BrotliSchema), brotliCompressSync(letters, { params: { [constants.BROTLI_PARAM_QUALITY]: 0 } })],
    ['zstd', compile(ZstdSchema), zstdCompressSync(letters)],
  ])('%s: gets one piece at a time, and all of it in the end', async (encoding, filter, body) => {
    const { most, all } = await decodeSlowly(filter, encoding, body);
    expect(most).toBeLessThanOrEqual(65_536);
    expect(all).toBe(letters.length);
  });
});

test('the ratio has bounds', () => {
  expect(() => compile(GzipSchema, { maxInflateRatio: 2_000 })).toThrow(
    'f.decompressor_library.typed_config.max_inflate_ratio: must be 1 to 1032',
  );
});
