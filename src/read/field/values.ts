// The values that occur in every dialect. Each parser says in its message what it wanted.
import { RE2JS } from 're2js';
import { type BasisPoints, type Hostname, parseBasisPoints, parseHostname, parsePort } from '../../model/units.ts';
import { parseGatewayDuration, parseGoDuration } from './duration.ts';
import { bad, good, type Parser, parserOf, refine, show } from './parser.ts';

export const text: Parser<string> = (raw) => {
  if (typeof raw === 'string') return good(raw);
  const quote = typeof raw === 'number' || typeof raw === 'boolean';
  return bad(`${show(raw)} is not a string`, quote ? 'put it in quotes' : '');
};

export const name: Parser<string> = refine(text, (value) => (value === '' ? bad('is empty') : good(value)));

export const boolean: Parser<boolean> = parserOf('true or false', (raw) => (typeof raw === 'boolean' ? raw : null));

export const number = (min: number, max: number): Parser<number> =>
  parserOf(`a number from ${min} to ${max}`, (raw) =>
    typeof raw === 'number' && raw >= min && raw <= max ? raw : null,
  );

export const integer = (min: number, max: number): Parser<number> =>
  parserOf(`a whole number from ${min} to ${max}`, (raw) =>
    typeof raw === 'number' && Number.isInteger(raw) && raw >= min && raw <= max ? raw : null,
  );

const INT32_MAX = 2 ** 31 - 1;
export const count: Parser<number> = integer(0, INT32_MAX);
export const httpStatus: Parser<number> = integer(200, 599);

export const port = parserOf('a port', parsePort, '1-65535');

export const hostname: Parser<Hostname> = parserOf('a host name', parseHostname, 'letters, digits, "-" and "."');

export const goDuration = parserOf('a duration', parseGoDuration, 'as in 1.5s, 250ms or 1m30s');
export const gatewayDuration = parserOf('a duration', parseGatewayDuration, 'GEP-2257: as in 500ms, 10s or 1h30m');

export const oneOf = <const T extends string>(...allowed: readonly T[]): Parser<T> =>
  parserOf(`one of ${allowed.join(', ')}`, (raw) => allowed.find((word) => word === raw) ?? null);

/** A percentage from 0 to 100. */
export const percent: Parser<BasisPoints> = parserOf('a percentage from 0 to 100', parseBasisPoints);

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
/** RFC 9110 section 5.1; in lower case. */
export const headerName: Parser<string> = parserOf('a header name', (raw) =>
  typeof raw === 'string' && HEADER_NAME.test(raw) ? raw.toLowerCase() : null,
);

const FORBIDDEN_IN_HEADER = /[\0\r\n]/;
/** RFC 9110 section 5.5: a line break would start another header. */
export const headerValue: Parser<string> = refine(text, (value) =>
  FORBIDDEN_IN_HEADER.test(value) ? bad('contains a line break or NUL') : good(value),
);

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
export const method: Parser<string> = parserOf('a request method', (raw) =>
  typeof raw === 'string' && METHOD.test(raw) ? raw : null,
);

const REGEX_LENGTH = 4096;
/** A pattern that every data plane accepts: RE2 has no look-around and no back-references. */
export const regex: Parser<string> = refine(text, (value) => {
  if (value.length > REGEX_LENGTH) return bad(`is longer than ${REGEX_LENGTH} characters`);
  try {
    RE2JS.compile(value);
    return good(value);
  } catch (error) {
    return bad(`${show(value)} is not a regular expression: ${String(error)}`, 'RE2 syntax');
  }
});

const QUANTITY = /^(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(n|u|m|k|Ki|M|Mi|G|Gi|T|Ti|)$/;
const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  Ki: 1024,
  M: 1e6,
  Mi: 1024 ** 2,
  G: 1e9,
  Gi: 1024 ** 3,
  T: 1e12,
  Ti: 1024 ** 4,
};

/** A Kubernetes quantity >= 0: `500m` is 0.5, `1` or 1 is 1. */
export const quantity: Parser<number> = parserOf(
  'a quantity',
  (raw) => {
    if (typeof raw === 'number') return Number.isFinite(raw) && raw >= 0 ? raw : null;
    const parts = typeof raw === 'string' ? QUANTITY.exec(raw) : null;
    // Rounded to nanos, the smallest unit, so that 900m is 0.9 and not 0.9000000000000000222.
    return parts === null ? null : Math.round(Number(parts[1]) * SUFFIXES[parts[2]!]! * 1e9) / 1e9;
  },
  'as in 500m or 1',
);
