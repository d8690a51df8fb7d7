// What an operator is, and the checks of parameters that several share.
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { requestLookup } from '../../route/match/header-matcher.ts';

/** A value with the type it has in a JSON log. Undefined: there is nothing to say. */
export type Said = string | number | boolean | object | null | undefined;

/** What one operator says of an exchange. `ended` is 0 while it goes on. */
export type Operator = (exchange: Exchange, response: ResponseHead | null, ended: number) => Said;

/** `parameter` is what stands in parentheses; null without them. @throws ConfigError */
export type OperatorCompiler = (parameter: string | null, path: string) => Operator;

export type Operators = Readonly<Record<string, OperatorCompiler>>;

/** Operators without a parameter. */
export function plain(operators: Readonly<Record<string, Operator>>): Operators {
  return Object.fromEntries(
    Object.entries(operators).map(([name, operator]) => [
      name,
      (parameter, path) => {
        if (parameter !== null) throw new ConfigError(path, `%${name}% takes no parameter`);
        return operator;
      },
    ]),
  );
}

export function required(operator: string, parameter: string | null, path: string): string {
  if (parameter === null || parameter === '') throw new ConfigError(path, `%${operator}% needs a parameter`);
  return parameter;
}

/** `X?Y`: Y where there is no X. */
export function alternatives(parameter: string, path: string): [name: string, other: string | undefined] {
  const [name = '', other, ...more] = parameter.split('?');
  if (more.length > 0) throw new ConfigError(path, `${parameter} has more than one alternative`);
  return [name, other];
}

export function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Of a header that is there more than once logs show the first; matchers see all. */
export function requestReader(name: string): (request: RequestHead) => string | undefined {
  const lower = name.toLowerCase();
  if (lower.startsWith(':') || lower === 'host') {
    const lookup = requestLookup(lower);
    return (request) => filled(lookup(request));
  }
  return ({ headers }) => headers.get(lower);
}
