// The compression libraries there are, by the configuration that names them.
import {
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
} from 'node:zlib';
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type Brotli,
  Brotli_EncoderMode,
  BrotliSchema as BrotliCompressorSchema,
} from '../../../xds/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import {
  BrotliSchema as BrotliDecompressorSchema,
  type Brotli as Unbrotli,
} from '../../../xds/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import {
  type Gzip,
  GzipSchema as GzipCompressorSchema,
  Gzip_CompressionLevel as Level,
  Gzip_CompressionStrategy as Strategy,
} from '../../../xds/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import {
  type Gzip as Gunzip,
  GzipSchema as GzipDecompressorSchema,
} from '../../../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import {
  type Zstd,
  Zstd_Strategy,
  ZstdSchema as ZstdCompressorSchema,
} from '../../../xds/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { ZstdSchema as ZstdDecompressorSchema } from '../../../xds/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { ZlibStream } from './coder.ts';

export type Library = {
  readonly encoding: 'gzip' | 'br' | 'zstd';
  /** As in names of counters. */
  readonly statName: 'gzip' | 'brotli' | 'zstd';
  /** What makes a compressor give out all it has; null for decompressors, which do so anyway. */
  readonly flush: number | null;
  /** Bytes that may come out for each that went in; a few bytes can stand for millions. */
  readonly maxRatio: number;
  create(): ZlibStream;
};

/** Envoy's. */
const MAX_RATIO = 100;
const ANY_RATIO = Number.POSITIVE_INFINITY;

export function compileCompressor(extension: TypedExtensionConfig | undefined, path: string): Library {
  const config = extension?.typedConfig;
  const here = at(path, 'typed_config');
  if (config === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(config)) {
    case GzipCompressorSchema.typeName:
      return gzip(unpack(config, GzipCompressorSchema, here), here);
    case BrotliCompressorSchema.typeName:
      return brotli(unpack(config, BrotliCompressorSchema, here), here);
    case ZstdCompressorSchema.typeName:
      return zstd(unpack(config, ZstdCompressorSchema, here), here);
    default:
      throw unsupportedType(config, here);
  }
}

export function compileDecompressor(extension: TypedExtensionConfig | undefined, path: string): Library {
  const config = extension?.typedConfig;
  const here = at(path, 'typed_config');
  if (config === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(config)) {
    case GzipDecompressorSchema.typeName:
      return gunzip(unpack(config, GzipDecompressorSchema, here), here);
    case BrotliDecompressorSchema.typeName:
      return unbrotli(unpack(config, BrotliDecompressorSchema, here), here);
    case ZstdDecompressorSchema.typeName:
      checkChunk(unpack(config, ZstdDecompressorSchema, here).chunkSize, here);
      return { encoding: 'zstd', statName: 'zstd', flush: null, maxRatio: MAX_RATIO, create: createZstdDecompress };
    default:
      throw unsupportedType(config, here);
  }
}

/** zlib's numbers; Envoy's names for levels go beyond them. */
const LEVELS: ReadonlyMap<number, number> = new Map<number, number>([
  [Level.DEFAULT_COMPRESSION, constants.Z_DEFAULT_COMPRESSION],
  [Level.BEST_SPEED, 1],
  [Level.COMPRESSION_LEVEL_2, 2],
  [Level.COMPRESSION_LEVEL_3, 3],
  [Level.COMPRESSION_LEVEL_4, 4],
  [Level.COMPRESSION_LEVEL_5, 5],
  [Level.COMPRESSION_LEVEL_6, 6],
  [Level.COMPRESSION_LEVEL_7, 7],
  [Level.COMPRESSION_LEVEL_8, 8],
  [Level.COMPRESSION_LEVEL_9, 9],
]);
const STRATEGIES: ReadonlyMap<number, number> = new Map<number, number>([
  [Strategy.DEFAULT_STRATEGY, constants.Z_DEFAULT_STRATEGY],
  [Strategy.FILTERED, constants.Z_FILTERED],
  [Strategy.HUFFMAN_ONLY, constants.Z_HUFFMAN_ONLY],
  [Strategy.RLE, constants.Z_RLE],
  [Strategy.FIXED, constants.Z_FIXED],
]);
const MODES: ReadonlyMap<number, number> = new Map<number, number>([
  [Brotli_EncoderMode.DEFAULT, constants.BROTLI_MODE_GENERIC],
  [Brotli_EncoderMode.GENERIC, constants.BROTLI_MODE_GENERIC],
  [Brotli_EncoderMode.TEXT, constants.BROTLI_MODE_TEXT],
  [Brotli_EncoderMode.FONT, constants.BROTLI_MODE_FONT],
]);
/** Envoy's defaults. */
const GZIP = { memoryLevel: 5, windowBits: 12 };
const BROTLI = { quality: 3, windowBits: 18, inputBlockBits: 24 };

function gzip(config: Gzip, path: string): Library {
  const memLevel = within(config.memoryLevel ?? GZIP.memoryLevel, 1, 9, at(path, 'memory_level'));
  const windowBits = within(config.windowBits ?? GZIP.windowBits, 9, 15, at(path, 'window_bits'));
  const level = LEVELS.get(config.compressionLevel);
  const strategy = STRATEGIES.get(config.compressionStrategy);
  if (level === undefined) throw new ConfigError(at(path, 'compression_level'), 'is not known');
  if (strategy === undefined) throw new ConfigError(at(path, 'compression_strategy'), 'is not known');
  checkChunk(config.chunkSize, path);
  const options = { memLevel, windowBits, level, strategy };
  return {
    encoding: 'gzip',
    statName: 'gzip',
    flush: constants.Z_SYNC_FLUSH,
    maxRatio: ANY_RATIO,
    create: () => createGzip(options),
  };
}

/** Whatever window a stream was made with is read. */
function gunzip({ windowBits, chunkSize, maxInflateRatio }: Gunzip, path: string): Library {
  if (windowBits !== undefined) within(windowBits, 9, 15, at(path, 'window_bits'));
  checkChunk(chunkSize, path);
  const maxRatio = within(maxInflateRatio ?? MAX_RATIO, 1, 1_032, at(path, 'max_inflate_ratio'));
  return { encoding: 'gzip', statName: 'gzip', flush: null, maxRatio, create: createGunzip };
}

function brotli(config: Brotli, path: string): Library {
  const quality = within(config.quality ?? BROTLI.quality, 0, 11, at(path, 'quality'));
  const windowBits = within(config.windowBits ?? BROTLI.windowBits, 10, 24, at(path, 'window_bits'));
  const blockBits = within(config.inputBlockBits ?? BROTLI.inputBlockBits, 16, 24, at(path, 'input_block_bits'));
  const mode = MODES.get(config.encoderMode);
  if (mode === undefined) throw new ConfigError(at(path, 'encoder_mode'), 'is not known');
  checkChunk(config.chunkSize, path);
  const options: BrotliOptions = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_LGBLOCK]: blockBits,
      [constants.BROTLI_PARAM_MODE]: mode,
      [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: config.disableLiteralContextModeling,
    },
  };
  return {
    encoding: 'br',
    statName: 'brotli',
    flush: constants.BROTLI_OPERATION_FLUSH,
    maxRatio: ANY_RATIO,
    create: () => createBrotliCompress(options),
  };
}

function unbrotli({ disableRingBufferReallocation, chunkSize }: Unbrotli, path: string): Library {
  checkChunk(chunkSize, path);
  const options: BrotliOptions = {
    params: { [constants.BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION]: disableRingBufferReallocation },
  };
  const create = () => createBrotliDecompress(options);
  return { encoding: 'br', statName: 'brotli', flush: null, maxRatio: MAX_RATIO, create };
}

function zstd(config: Zstd, path: string): Library {
  const level = within(config.compressionLevel ?? 3, 1, 22, at(path, 'compression_level'));
  const strategy = config.strategy === Zstd_Strategy.DEFAULT ? {} : { [constants.ZSTD_c_strategy]: config.strategy };
  within(config.strategy, Zstd_Strategy.DEFAULT, Zstd_Strategy.BTULTRA2, at(path, 'strategy'));
  checkChunk(config.chunkSize, path);
  const params = {
    ...strategy,
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_checksumFlag]: config.enableChecksum ? 1 : 0,
  };
  return {
    encoding: 'zstd',
    statName: 'zstd',
    flush: constants.ZSTD_e_flush,
    maxRatio: ANY_RATIO,
    create: () => createZstdCompress({ params }),
  };
}

/** How much comes out at a time is the library's own choice here. */
function checkChunk(chunkSize: number | undefined, path: string): void {
  if (chunkSize !== undefined) within(chunkSize, 4_096, 65_536, at(path, 'chunk_size'));
}

function within(value: number, least: number, most: number, path: string): number {
  if (value < least || value > most) throw new ConfigError(path, `must be ${least} to ${most}`);
  return value;
}
