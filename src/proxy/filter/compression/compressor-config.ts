// What a compressor does, compiled.
import type {
  Compressor,
  Compressor_CommonDirectionConfig,
} from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { at, mapAt } from '../../config/config-error.ts';
import { type Keyed, keyedFlag } from '../../config/runtime-keys.ts';
import { compileString } from '../../route/match/string-matcher.ts';
import { perScope } from '../define.ts';
import type { FilterScope } from '../filter.ts';
import { type CompressorStats, compressorStats } from './compressor-stats.ts';
import { compileCompressor, type Library } from './libraries.ts';

export type CompressedDirection = {
  readonly enabled: Keyed<boolean>;
  /** Bytes below which compressing does not pay. */
  readonly minimum: number;
  compressible(type: string): boolean;
};

export type CompressorConfig = {
  readonly library: Library;
  /** Its encoding is taken where a client wants several alike. */
  readonly first: boolean;
  readonly request: CompressedDirection;
  readonly response: CompressedDirection & {
    readonly skipsEtag: boolean;
    readonly weakensEtag: boolean;
    /** A header says what was done, and what not and why. */
    readonly tellsStatus: boolean;
    readonly skippedStatuses: ReadonlySet<number>;
  };
  readonly removesAcceptEncoding: boolean;
  statsOf(scope: FilterScope): CompressorStats;
};

/** Envoy's. */
const MINIMUM = 30;
const TYPES = [
  ...['application/javascript', 'application/json', 'application/xhtml+xml', 'image/svg+xml'],
  ...['text/css', 'text/html', 'text/plain', 'text/xml'],
];

export function compileCompressorConfig(message: Compressor, path: string): CompressorConfig {
  const library = compileCompressor(message.compressorLibrary, at(path, 'compressor_library'));
  const name = message.compressorLibrary?.name ?? '';
  const { requestDirectionConfig: request, responseDirectionConfig: response } = message;
  return {
    library,
    first: message.chooseFirst,
    request: compileDirection(request?.commonConfig, false, at(path, 'request_direction_config.common_config')),
    response: {
      ...compileDirection(response?.commonConfig, true, at(path, 'response_direction_config.common_config')),
      skipsEtag: response?.disableOnEtagHeader ?? false,
      weakensEtag: response?.weakenEtagOnCompress ?? false,
      tellsStatus: response?.statusHeaderEnabled ?? false,
      skippedStatuses: new Set(response?.uncompressibleResponseCodes ?? []),
    },
    removesAcceptEncoding: response?.removeAcceptEncodingHeader ?? false,
    statsOf: perScope((scope) => compressorStats(scope, name, library, response !== undefined)),
  };
}

function compileDirection(
  common: Compressor_CommonDirectionConfig | undefined,
  enabledByDefault: boolean,
  path: string,
): CompressedDirection {
  const types = new Set((common?.contentType.length ? common.contentType : TYPES).map((type) => type.toLowerCase()));
  const matchers = mapAt(common?.contentTypeMatcher ?? [], at(path, 'content_type_matcher'), compileString);
  return {
    enabled: keyedFlag(common?.enabled, common?.enabled === undefined ? enabledByDefault : true),
    minimum: common?.minContentLength ?? MINIMUM,
    compressible: (type) => types.has(type) || matchers.some((test) => test(type)),
  };
}
