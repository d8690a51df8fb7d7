// `envoy.rate_limit_descriptors.expr`: an entry whose value an expression has.
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type Descriptor,
  DescriptorSchema,
} from '../../../xds/gen/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compileText, compileTree, type Expression } from '../../expression/expression.ts';
import { convertTree } from '../../expression/syntax.ts';
import type { Action } from './rule.ts';

export function compileExpression({ typedConfig }: TypedExtensionConfig, path: string): Action {
  const here = at(path, 'typed_config');
  const descriptor = unpack(typedConfig, DescriptorSchema, here);
  const { descriptorKey: key, skipIfError } = descriptor;
  if (key === '') throw new ConfigError(at(here, 'descriptor_key'), 'is empty');
  const { text } = expressionOf(descriptor, here);
  return (exchange) => {
    const value = text({ exchange, response: null, ended: 0 });
    if (value === undefined) return skipIfError ? 'skip' : null;
    return { key, value };
  };
}

function expressionOf({ exprSpecifier: source }: Descriptor, path: string): Expression {
  switch (source.case) {
    case 'text':
      return compileText(source.value, at(path, 'text'));
    case 'parsed':
      return compileTree(convertTree(source.value), at(path, 'parsed'));
    default:
      throw new ConfigError(path, 'has no expression');
  }
}
