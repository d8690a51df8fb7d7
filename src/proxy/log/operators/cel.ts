// `%CEL(expression)%` as text, and `%TYPED_CEL(expression)%` with the type its value has in JSON.
import type { CelExpressionConfig } from '../../../xds/gen/envoy/config/core/v3/cel_pb.ts';
import { compileText } from '../../expression/expression.ts';
import { charactersOf } from '../../route/match/string-matcher.ts';
import { type Operator, required, type Said } from './operator.ts';

export function compileCel(
  name: 'CEL' | 'TYPED_CEL',
  parameter: string | null,
  path: string,
  allowed: CelExpressionConfig | undefined,
): Operator {
  const expression = compileText(charactersOf(required(name, parameter, path)), path, allowed);
  return name === 'CEL'
    ? (exchange, response, ended) => expression.text({ exchange, response, ended })
    : (exchange, response, ended) => expression.json({ exchange, response, ended }) as Said;
}
