// A CEL expression over the attributes of an exchange: compiled with the configuration, evaluated per request.
import type { CelInput, CelValue } from '@bufbuild/cel';
import type { Expr } from '../../xds/gen/cel/expr/syntax_pb.ts';
import type { CelExpressionConfig } from '../../xds/gen/envoy/config/core/v3/cel_pb.ts';
import type { CelExpression } from '../../xds/gen/xds/type/v3/cel_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { bindRoots, REFUSED } from './attributes.ts';
import { type Allowances, functionNames, functionsOf } from './functions.ts';
import { cel } from './library.ts';
import type { Seen } from './seen.ts';
import { convertTree, parseText, readSyntax } from './syntax.ts';
import { jsonOfValue, textOfValue } from './told.ts';

export type Expression = {
  /** undefined: it failed, as where it asks for what is not there. */
  value(seen: Seen): CelValue | undefined;
  /** Only `true` does. */
  matches(seen: Seen): boolean;
  /** One byte per character; undefined as for `value`. */
  text(seen: Seen): string | undefined;
  /** Undefined as for `value`, and for what has no form in JSON. */
  json(seen: Seen): unknown;
};

const NOTHING_MORE: Allowances = {
  enableStringConversion: false,
  enableStringConcat: false,
  enableStringFunctions: false,
};

/** The names without an owner in an expression. @throws ConfigError */
export function rootsOf(text: string, path: string): ReadonlySet<string> {
  return readSyntax(parseText(text, path), functionNames(NOTHING_MORE), path).roots;
}

/** @throws ConfigError */
export function compileText(text: string, path: string, allowed?: CelExpressionConfig): Expression {
  return compileTree(parseText(text, path), path, allowed);
}

/** Changes `expr`. @throws ConfigError */
export function compileTree(expr: Expr, path: string, allowed: Allowances = NOTHING_MORE): Expression {
  const { roots, paths, patterns } = readSyntax(expr, functionNames(allowed), path);
  for (const name of paths) if (REFUSED.has(name)) throw new ConfigError(path, `${name} is not supported`);
  const { plan, celEnv, isCelError } = cel();
  const evaluate = plan(celEnv({ funcs: functionsOf(allowed, patterns) }), expr as never);
  const bind = bindRoots(roots);
  const value = (seen: Seen): CelValue | undefined => {
    const result = evaluate(bind(seen) as Record<string, CelInput>);
    return isCelError(result) ? undefined : result;
  };
  return { value, ...told(value) };
}

/** `xds.type.v3.CelExpression`: the newer forms win; what is only text Envoy does not read. @throws ConfigError */
export function compileCelExpression(expression: CelExpression | undefined, path: string): Expression {
  const { celExprChecked, celExprParsed, exprSpecifier } = expression ?? {};
  if (celExprChecked?.expr) return compileTree(celExprChecked.expr, at(path, 'cel_expr_checked.expr'));
  if (celExprParsed?.expr) return compileTree(celExprParsed.expr, at(path, 'cel_expr_parsed.expr'));
  if (!exprSpecifier?.value?.expr) throw new ConfigError(path, 'has no expression');
  const field = exprSpecifier.case === 'parsedExpr' ? 'parsed_expr.expr' : 'checked_expr.expr';
  return compileTree(convertTree(exprSpecifier.value.expr), at(path, field));
}

function told(value: Expression['value']): Omit<Expression, 'value'> {
  return {
    matches: (seen) => value(seen) === true,
    text(seen) {
      const found = value(seen);
      return found === undefined ? undefined : textOfValue(found);
    },
    json(seen) {
      const found = value(seen);
      return found === undefined ? undefined : jsonOfValue(found);
    },
  };
}
