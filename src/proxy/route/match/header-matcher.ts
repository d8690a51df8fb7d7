// HeaderMatcher → a test on a head. The rules for headers that are missing follow Envoy's HeaderUtility.
import type { HeaderMatcher } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { Int64Range } from '../../../xds/gen/envoy/type/v3/range_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead } from '../../http/message.ts';
import { bytesOf, compilePlain, compileString, compileWhole, type StringTest } from './string-matcher.ts';

export type RequestTest = (request: RequestHead) => boolean;
type Lookup = (request: RequestHead) => string | undefined;
type ValueTest = (value: string | undefined) => boolean;

/** All must hold; [] holds always. */
export function compileHeaders(matchers: readonly HeaderMatcher[], path: string): RequestTest {
  return all(mapAt(matchers, path, compileHeader));
}

export function compileHeader(matcher: HeaderMatcher | undefined, path: string): RequestTest {
  const test = compileValue(matcher, path);
  const name = matcher!.name.toLowerCase();
  if (!isPseudo(name)) {
    const { invertMatch } = matcher!;
    return ({ headers }) => testEach(headers, name, test, invertMatch);
  }
  const lookup = requestLookup(name);
  return (request) => test(lookup(request));
}

/** A repeated header is asked value by value: one that matches is enough, and none may where the match is inverted. */
function testEach({ fields }: HeaderMap, name: string, test: ValueTest, inverted: boolean): boolean {
  let found = false;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    found = true;
    if (test(fields[i + 1]) !== inverted) return !inverted;
  }
  return found ? inverted : test(undefined);
}

/** For heads without pseudo headers other than `:status`. */
export function compileResponseHeader(
  matcher: HeaderMatcher | undefined,
  path: string,
): (status: number, headers: HeaderMap) => boolean {
  const test = compileValue(matcher, path);
  const name = matcher!.name.toLowerCase();
  if (name === ':status') return (status) => test(String(status));
  return (_status, headers) => test(headers.joined(name));
}

/** Kept beside the headers of a request; `name` in lower case. */
export function isPseudo(name: string): boolean {
  return name.startsWith(':') || name === 'host';
}

/** Reads a header or pseudo header of a request by its configured name; a repeated header is joined by commas. */
export function requestLookup(name: string): Lookup {
  const lower = name.toLowerCase();
  switch (lower) {
    case ':method':
      return (request) => request.method;
    case ':path':
      return (request) => (request.path === '' ? undefined : request.path);
    case ':authority':
    case 'host':
      return (request) => (request.authority === '' ? undefined : request.authority);
    case ':scheme':
      return (request) => request.scheme;
    default:
      return (request) => request.headers.joined(lower);
  }
}

/** As `requestLookup`, but of a repeated header the first value. */
export function firstValue(name: string): Lookup {
  const lower = name.toLowerCase();
  if (isPseudo(lower)) return requestLookup(lower);
  return ({ headers }) => headers.get(lower);
}

export function all<Subject extends readonly unknown[]>(
  tests: readonly ((...subject: Subject) => boolean)[],
): (...subject: Subject) => boolean {
  if (tests.length === 1) return tests[0]!;
  if (tests.length === 0) return () => true;
  return (...subject) => {
    for (const test of tests) if (!test(...subject)) return false;
    return true;
  };
}

function compileValue(matcher: HeaderMatcher | undefined, path: string): ValueTest {
  if (matcher === undefined || matcher.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const { invertMatch, treatMissingHeaderAsEmpty, headerMatchSpecifier: specifier } = matcher;
  if (specifier.case === undefined || specifier.case === 'presentMatch') {
    const wanted = (specifier.value ?? true) !== invertMatch;
    // An empty value in place of a missing one is present.
    return (value) => (value !== undefined || treatMissingHeaderAsEmpty) === wanted;
  }
  const test = compileSpecifier(specifier, path);
  return (value) => {
    if (value === undefined && !treatMissingHeaderAsEmpty) return false;
    return test(value ?? '') !== invertMatch;
  };
}

type Specifier = Exclude<HeaderMatcher['headerMatchSpecifier'], { case: undefined } | { case: 'presentMatch' }>;

function compileSpecifier(specifier: Specifier, path: string): StringTest {
  switch (specifier.case) {
    case 'stringMatch':
      return compileString(specifier.value, at(path, 'string_match'));
    case 'safeRegexMatch':
      return compileWhole(specifier.value, at(path, 'safe_regex_match'));
    case 'rangeMatch':
      return compileRange(specifier.value);
    case 'exactMatch':
      return compilePlain('exact', bytesOf(specifier.value));
    case 'prefixMatch':
      return compileFilled('prefix', specifier.value, path);
    case 'suffixMatch':
      return compileFilled('suffix', specifier.value, path);
    case 'containsMatch':
      return compileFilled('contains', specifier.value, path);
  }
}

function compileFilled(kind: 'prefix' | 'suffix' | 'contains', pattern: string, path: string): StringTest {
  if (pattern === '') throw new ConfigError(at(path, `${kind}_match`), 'is empty');
  return compilePlain(kind, bytesOf(pattern));
}

/** A whole decimal number in [start, end). */
function compileRange({ start, end }: Int64Range): StringTest {
  return (text) => {
    if (!/^\s*[+-]?\d{1,19}\s*$/.test(text)) return false;
    const value = BigInt(text.trim().replace('+', ''));
    return value >= start && value < end;
  };
}
