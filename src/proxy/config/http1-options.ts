// Http1ProtocolOptions → Http1Options: what counts on both sides of the proxy.
import type { Http1ProtocolOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import {
  PreserveCaseFormatterConfigSchema,
  PreserveCaseFormatterConfig_FormatterTypeOnEnvoyHeaders as TypeOnOwn,
} from '../../xds/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts';
import { defaultHttp1Options, type Http1Options } from '../http1/options.ts';
import { properCase } from '../http1/spelled-head.ts';
import { unpack } from './any.ts';
import { at, ConfigError } from './config-error.ts';

export function decodeHttp1Options(options: Http1ProtocolOptions | undefined, path: string): Http1Options {
  if (options === undefined) return defaultHttp1Options;
  return {
    ...decodeSpelling(options, at(path, 'header_key_format')),
    takesUrls: options.allowAbsoluteUrl ?? defaultHttp1Options.takesUrls,
  };
}

function decodeSpelling(
  { headerKeyFormat }: Http1ProtocolOptions,
  path: string,
): Pick<Http1Options, 'spelling' | 'spellingMemory'> {
  if (headerKeyFormat === undefined) return defaultHttp1Options;
  const { headerFormat } = headerKeyFormat;
  switch (headerFormat.case) {
    case 'properCaseWords':
      return { spelling: properCase, spellingMemory: null };
    case 'statefulFormatter': {
      const inFormatter = at(path, 'stateful_formatter.typed_config');
      const formatter = unpack(headerFormat.value.typedConfig, PreserveCaseFormatterConfigSchema, inFormatter);
      const { forwardReasonPhrase: phrases, formatterTypeOnEnvoyHeaders: type } = formatter;
      if (type !== TypeOnOwn.DEFAULT && type !== TypeOnOwn.PROPER_CASE)
        throw new ConfigError(at(inFormatter, 'formatter_type_on_envoy_headers'), 'is not known');
      const otherwise = type === TypeOnOwn.PROPER_CASE ? properCase.nameOf : (name: string) => name;
      return { spelling: null, spellingMemory: { otherwise, phrases } };
    }
    default:
      throw new ConfigError(path, 'names no format (hint: proper_case_words or stateful_formatter)');
  }
}
