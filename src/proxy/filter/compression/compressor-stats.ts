// Counters of a compressor, under Envoy's names: of each direction, and of what clients accept.
import type { FilterScope } from '../filter.ts';
import type { Choice } from './accept-encoding.ts';
import type { Library } from './libraries.ts';

export class CompressionStats {
  compressed = 0;
  not_compressed = 0;
  total_uncompressed_bytes = 0;
  total_compressed_bytes = 0;
  content_length_too_small = 0;
}

/** Only of responses. */
class ChoiceStats {
  no_accept_header = 0;
  header_identity = 0;
  header_compressor_used = 0;
  header_compressor_overshadowed = 0;
  header_wildcard = 0;
  header_not_valid = 0;
  not_compressed_etag = 0;
}

export type CompressorStats = {
  readonly request: CompressionStats;
  readonly response: CompressionStats;
  readonly choice: ChoiceStats;
};

/** Responses are counted apart from the rest only where the configuration has a part of its own for them. */
export function compressorStats(
  scope: FilterScope,
  libraryName: string,
  { statName }: Library,
  apart: boolean,
): CompressorStats {
  const name = `${scope.prefix}compressor.${libraryName}.${statName}`;
  const of = (direction: string) => scope.stats(`${name}.${direction}`, () => new CompressionStats());
  if (apart)
    return { request: of('request'), response: of('response'), choice: scope.stats(name, () => new ChoiceStats()) };
  const shared = scope.stats(name, () => ({ ...new CompressionStats(), ...new ChoiceStats() }));
  return { request: of('request'), response: shared, choice: shared };
}

/** `used`: whether this compressor is the one that was chosen. */
export function countChoice(stats: ChoiceStats, by: Choice['by'], used: boolean): void {
  switch (by) {
    case 'chosen':
      stats[used ? 'header_compressor_used' : 'header_compressor_overshadowed'] += 1;
      return;
    case 'any':
      stats.header_wildcard += 1;
      return;
    case 'identity':
      stats.header_identity += 1;
      return;
    case 'invalid':
      stats.header_not_valid += 1;
  }
}
