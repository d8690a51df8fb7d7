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
import { BrotliSchema as BrotliDecompressorSchema } from '../../../xds/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import {
  type Gzip,
  GzipSchema as GzipCompressorSchema,
  Gzip_CompressionLevel as Level,
  Gzip_CompressionStrategy as Strategy,
} from '../../../xds/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import { GzipSchema as GzipDecompressorSchema } from '../../../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import {
  type Zstd,
  ZstdSchema as ZstdCompressorSchema,
} from '../../../xds/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { ZstdSchema as ZstdDecompressorSchema } from '../../../xds/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { ZlibStream } from './coder.ts';

export type Library = {
  readonly encoding: 'gzip' | 'br' | 'zstd';
  /** What makes a compressor give out all it has; null for decompressors, which do so anyway. */
  readonly flush: number | null;
  create(): ZlibStream;
};

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
      unpack(config, GzipDecompressorSchema, here);
      return { encoding: 'gzip', flush: null, create: createGunzip };
    case BrotliDecompressorSchema.typeName:
      unpack(config, BrotliDecompressorSchema, here);
      return { encoding: 'br', flush: null, create: createBrotliDecompress };
    case ZstdDecompressorSchema.typeName:
      unpack(config, ZstdDecompressorSchema, here);
      return { encoding: 'zstd', flush: null, create: createZstdDecompress };
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
/** Envoy's defaults. */
const GZIP = { memoryLevel: 5, windowBits: 12 };
const BROTLI = { quality: 3, windowBits: 18 };

function gzip(config: Gzip, path: string): Library {
  const memLevel = within(config.memoryLevel ?? GZIP.memoryLevel, 1, 9, at(path, 'memory_level'));
  const windowBits = within(config.windowBits ?? GZIP.windowBits, 9, 15, at(path, 'window_bits'));
  const level = LEVELS.get(config.compressionLevel);
  const strategy = STRATEGIES.get(config.compressionStrategy);
  if (level === undefined) throw new ConfigError(at(path, 'compression_level'), 'is not known');
  if (strategy === undefined) throw new ConfigError(at(path, 'compression_strategy'), 'is not known');
  const options = { memLevel, windowBits, level, strategy };
  return { encoding: 'gzip', flush: constants.Z_SYNC_FLUSH, create: () => createGzip(options) };
}

function brotli(config: Brotli, path: string): Library {
  const quality = within(config.quality ?? BROTLI.quality, 0, 11, at(path, 'quality'));
  const windowBits = within(config.windowBits ?? BROTLI.windowBits, 10, 24, at(path, 'window_bits'));
  const mode =
    config.encoderMode === Brotli_EncoderMode.TEXT
      ? constants.BROTLI_MODE_TEXT
      : config.encoderMode === Brotli_EncoderMode.FONT
        ? constants.BROTLI_MODE_FONT
        : constants.BROTLI_MODE_GENERIC;
  const options: BrotliOptions = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_MODE]: mode,
    },
  };
  return { encoding: 'br', flush: constants.BROTLI_OPERATION_FLUSH, create: () => createBrotliCompress(options) };
}

function zstd(config: Zstd, path: string): Library {
  const level = within(config.compressionLevel ?? 3, 1, 22, at(path, 'compression_level'));
  const params = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_checksumFlag]: config.enableChecksum ? 1 : 0,
  };
  return { encoding: 'zstd', flush: constants.ZSTD_e_flush, create: () => createZstdCompress({ params }) };
}

function within(value: number, least: number, most: number, path: string): number {
  if (value < least || value > most) throw new ConfigError(path, `must be ${least} to ${most}`);
  return value;
}
