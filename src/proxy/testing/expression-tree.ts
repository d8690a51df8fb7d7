// Syntax trees of expressions in the form of JSON, as control planes send them.
import { fromBinary, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { ExprSchema } from '../../xds/gen/cel/expr/syntax_pb.ts';
import { ExprSchema as OldSchema } from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';
import { parseText } from '../expression/syntax.ts';

/** The same for `google.api.expr.v1alpha1` and `cel.expr`. */
export function expressionTree(text: string): JsonObject {
  return toJson(OldSchema, fromBinary(OldSchema, toBinary(ExprSchema, parseText(text, 'expression')))) as JsonObject;
}
