// The length that may follow an operator, as in `%REQ(X-A):9%`.

import { ConfigError } from '../../config/config-error.ts';
import { StateObject } from '../../http/state-object.ts';
import type { Operator, Said } from './operator.ts';

/** Operators that Envoy lets no length follow: their values are never long. */
const WHOLE =
  /^(?:RESPONSE_(?:CODE|FLAGS|FLAGS_LONG)|\w*BYTES_\w+|\w+_BYTES|CONNECTION_ID|PROTOCOL|\w*DURATION|\w+_PORT)$/;

/** `limit` undefined: the whole of it. @throws ConfigError */
export function truncated(read: Operator, name: string, limit: number | undefined, path: string): Operator {
  if (limit === undefined) return read;
  if (WHOLE.test(name)) throw new ConfigError(path, `%${name}% takes no length`);
  return (exchange, response, ended) => {
    const said = read(exchange, response, ended);
    return said === undefined ? undefined : textOf(said).slice(0, limit);
  };
}

export function textOf(said: Said): string {
  if (said instanceof StateObject) return said.text;
  return typeof said === 'object' ? JSON.stringify(said) : String(said);
}
