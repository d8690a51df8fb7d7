// Expressions as texts or as syntax trees of either package → one form of tree, whose functions Envoy knows and whose strings are bytes.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { compileSearch, type Search } from '../../lib/re2-search.ts';
import { type Constant, type Expr, type Expr_Call, ExprSchema } from '../../xds/gen/cel/expr/syntax_pb.ts';
import { type Expr as OldExpr, ExprSchema as OldSchema } from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';
import { ConfigError } from '../config/config-error.ts';
import { bytesOf, charactersOf } from '../route/match/string-matcher.ts';
import { LARGEST_PATTERN } from './functions.ts';
import { cel } from './library.ts';

export type Syntax = {
  readonly expr: Expr;
  /** Names without an owner: the roots of attributes, and what is unknown. */
  readonly roots: ReadonlySet<string>;
  /** `root.name` of what is asked of them. */
  readonly paths: ReadonlySet<string>;
  /** Regular expressions that stand in the text. */
  readonly patterns: ReadonlyMap<string, Search>;
};

/** Expressions within expressions deeper than this are refused: they are walked on the stack. */
const DEEPEST = 100;

export function parseText(text: string, path: string): Expr {
  try {
    return cel().parse(text).expr as unknown as Expr;
  } catch (error) {
    throw new ConfigError(path, `is no expression: ${reasonOf(error)}`);
  }
}

/** Both packages mean the same on the wire. */
export function convertTree(expr: OldExpr): Expr {
  return fromBinary(ExprSchema, toBinary(OldSchema, expr));
}

/** Changes `expr`. @throws ConfigError as Envoy refuses it */
export function readSyntax(expr: Expr, functions: ReadonlySet<string>, path: string): Syntax {
  const found: Found = { roots: new Set(), paths: new Set(), patterns: new Map(), functions, path };
  walk(expr, found, 0);
  return { expr, ...found };
}

type Found = {
  readonly roots: Set<string>;
  readonly paths: Set<string>;
  readonly patterns: Map<string, Search>;
  readonly functions: ReadonlySet<string>;
  readonly path: string;
};

function walk(node: Expr | undefined, found: Found, depth: number): void {
  if (depth > DEEPEST) throw new ConfigError(found.path, `is nested deeper than ${DEEPEST}`);
  const kind = node?.exprKind;
  switch (kind?.case) {
    case 'constExpr':
      readConstant(kind.value);
      break;
    case 'identExpr':
      found.roots.add(kind.value.name);
      break;
    case 'selectExpr':
      notePath(kind.value.operand, kind.value.field, found.paths);
      walk(kind.value.operand, found, depth + 1);
      break;
    case 'callExpr':
      walkCall(kind.value, found, depth + 1);
      break;
    case 'listExpr':
      for (const element of kind.value.elements) walk(element, found, depth + 1);
      break;
    case 'structExpr':
      for (const { keyKind, value } of kind.value.entries) {
        if (keyKind.case === 'mapKey') walk(keyKind.value, found, depth + 1);
        walk(value, found, depth + 1);
      }
      break;
    case 'comprehensionExpr':
      throw new ConfigError(found.path, 'comprehensions are not supported (all, exists, exists_one, filter, map)');
    default:
      throw new ConfigError(found.path, 'is no expression');
  }
}

function readConstant({ constantKind: constant }: Constant): void {
  if (constant.case === 'stringValue') constant.value = bytesOf(constant.value);
}

function walkCall({ target, args, function: name }: Expr_Call, found: Found, depth: number): void {
  const { functions, path } = found;
  const owner = target === undefined ? null : qualifiedName(target);
  const owned = owner !== null && functions.has(`${owner}.${name}(${args.length})`);
  if (!owned) {
    const form = `${target === undefined ? '' : '.'}${name}(${args.length})`;
    if (!functions.has(form)) throw new ConfigError(path, `there is no function ${form}`);
    if (target !== undefined) walk(target, found, depth);
  }
  for (const arg of args) walk(arg, found, depth);
  if (name === '_[_]') notePath(args[0], textIn(args[1]), found.paths);
  if (name === 'matches') collectPattern(args.at(-1), found);
}

function collectPattern(arg: Expr | undefined, { patterns, path }: Found): void {
  const pattern = textIn(arg);
  if (pattern === undefined) return;
  let search: Search;
  try {
    search = compileSearch(charactersOf(pattern));
  } catch (error) {
    throw new ConfigError(path, `invalid regular expression: ${reasonOf(error)}`);
  }
  if (search.size > LARGEST_PATTERN) throw new ConfigError(path, 'regular expression is too large');
  patterns.set(pattern, search);
}

function textIn(node: Expr | undefined): string | undefined {
  const constant = node?.exprKind.case === 'constExpr' ? node.exprKind.value.constantKind : undefined;
  return constant?.case === 'stringValue' ? constant.value : undefined;
}

function notePath(root: Expr | undefined, member: string | undefined, paths: Set<string>): void {
  if (root?.exprKind.case === 'identExpr' && member !== undefined) paths.add(`${root.exprKind.value.name}.${member}`);
}

/** `re` and `a.b`, of which a function may be a member. */
function qualifiedName({ exprKind: kind }: Expr): string | null {
  if (kind.case === 'identExpr') return kind.value.name;
  if (kind.case !== 'selectExpr' || kind.value.operand === undefined || kind.value.testOnly) return null;
  const owner = qualifiedName(kind.value.operand);
  return owner === null ? null : `${owner}.${kind.value.field}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
