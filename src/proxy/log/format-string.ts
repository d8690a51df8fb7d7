// SubstitutionFormatString → Format: lines of access logs, and bodies of the proxy's own answers.
import type { CelExpressionConfig } from '../../xds/gen/envoy/config/core/v3/cel_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { CelSchema } from '../../xds/gen/envoy/extensions/formatter/cel/v3/cel_pb.ts';
import { MetadataSchema } from '../../xds/gen/envoy/extensions/formatter/metadata/v3/metadata_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compileFormat, compileJson, type Format, type FormatOptions, type JsonOptions } from './format.ts';
import type { FormatterExtensions } from './operators/compile.ts';

/** `localBody`: what %LOCAL_REPLY_BODY% says; without it, nothing. */
export function compileFormatString(
  { format, omitEmptyValues: omitMissing, formatters }: SubstitutionFormatString,
  path: string,
  localBody?: () => string,
): Format {
  const extensions = readExtensions(formatters, at(path, 'formatters'));
  const options = { missing: omitMissing ? '' : '-', extensions, localBody };
  switch (format.case) {
    case undefined:
      throw new ConfigError(path, 'has no format');
    case 'textFormat':
      return compileText(format.value, at(path, 'text_format'), options);
    case 'textFormatSource': {
      const here = at(path, 'text_format_source');
      return compileText(readSource(format.value, here), here, options);
    }
    case 'jsonFormat':
      return compileJsonLine(format.value, at(path, 'json_format'), { omitMissing, extensions, localBody });
  }
}

export function compileText(text: string, path: string, options: FormatOptions): Format {
  return compileFormat(bytesOf(text), path, options);
}

/** One object in JSON, and the end of the line. */
export function compileJsonLine(object: object, path: string, options: JsonOptions): Format {
  const json = compileJson(object, path, options);
  return (exchange, response, ended) => `${JSON.stringify(json(exchange, response, ended))}\n`;
}

/** Their operators are built in: naming the extension allows them, or what they may do. */
function readExtensions(formatters: readonly TypedExtensionConfig[], path: string): FormatterExtensions {
  let withoutQuery = false;
  let cel: CelExpressionConfig | undefined;
  for (const [i, { typedConfig }] of formatters.entries()) {
    const here = at(`${path}[${i}]`, 'typed_config');
    if (typedConfig === undefined) throw new ConfigError(here, 'is required');
    switch (typeNameOf(typedConfig)) {
      case MetadataSchema.typeName:
        unpack(typedConfig, MetadataSchema, here);
        break;
      case CelSchema.typeName:
        cel = unpack(typedConfig, CelSchema, here).celConfig;
        break;
      default:
        unpack(typedConfig, ReqWithoutQuerySchema, here);
        withoutQuery = true;
    }
  }
  return { withoutQuery, cel };
}
