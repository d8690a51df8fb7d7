// The functions that Envoy gives its expressions: those of the language but for what would need memory without bound, and `re`.
import type { CelFunc } from '@bufbuild/cel';
import { compileSearch, type Search } from '../../lib/re2-search.ts';
import { bytesOf, charactersOf } from '../route/match/string-matcher.ts';
import { cel } from './library.ts';

/** `envoy.config.core.v3.CelExpressionConfig`. */
export type Allowances = {
  readonly enableStringConversion: boolean;
  readonly enableStringConcat: boolean;
  readonly enableStringFunctions: boolean;
};

/** `name(arguments)`, a dot before methods. Operators have names as in cel-spec. */
const ALWAYS = names(`
  _&&_(2) _||_(2) !_(1) -_(1) _?_:_(3) _[_](2) _==_(2) _!=_(2) _<_(2) _<=_(2) _>_(2) _>=_(2)
  _+_(2) _-_(2) _*_(2) _/_(2) _%_(2) @in(2) _in_(2) in(2) @not_strictly_false(1) __not_strictly_false__(1)
  size(1) .size(0) .contains(1) .startsWith(1) .endsWith(1) matches(2) .matches(1)
  int(1) uint(1) double(1) bool(1) bytes(1) dyn(1) type(1) timestamp(1) duration(1)
  .getFullYear(0) .getMonth(0) .getDayOfYear(0) .getDayOfMonth(0) .getDate(0) .getDayOfWeek(0)
  .getHours(0) .getMinutes(0) .getSeconds(0) .getMilliseconds(0)
  .getFullYear(1) .getMonth(1) .getDayOfYear(1) .getDayOfMonth(1) .getDate(1) .getDayOfWeek(1)
  .getHours(1) .getMinutes(1) .getSeconds(1) .getMilliseconds(1)
  re.extract(3) re.capture(2) re.captureN(2)`);

const CONVERSION = names('string(1)');

const STRINGS = names(`
  .charAt(1) .indexOf(1) .indexOf(2) .lastIndexOf(1) .lastIndexOf(2) .lowerAscii(0) .upperAscii(0) .replace(2) .replace(3)
  .split(1) .split(2) .substring(1) .substring(2) .trim(0) .join(0) .join(1) .reverse(0) .format(1) strings.quote(1)`);

export function functionNames({ enableStringConversion, enableStringFunctions }: Allowances): ReadonlySet<string> {
  return new Set([...ALWAYS, ...(enableStringConversion ? CONVERSION : []), ...(enableStringFunctions ? STRINGS : [])]);
}

function names(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}

/** Of a pattern; Envoy's 100 count two more, and an any-character (`.`) for more than one. */
export const LARGEST_PATTERN = 98;

/** What differs from the library's own functions. `constants` are compiled already; other patterns come with requests. */
export function functionsOf(allowed: Allowances, constants: ReadonlyMap<string, Search>): CelFunc[] {
  const search = (pattern: string) => constants.get(pattern) ?? compileSearch(charactersOf(pattern));
  return [
    ...(allowed.enableStringFunctions ? [...cel().strings, reverse()] : []),
    ...onBytes(),
    ...refused(allowed),
    ...searches(search),
  ];
}

/** Strings hold one byte per character here: these look at characters. */
function onBytes(): CelFunc[] {
  const { celFunc, celMethod, CelScalar } = cel();
  const { STRING, BYTES, INT } = CelScalar;
  return [
    celFunc('size', [STRING], INT, (text) => characters(text)),
    celMethod('size', STRING, [], INT, function () {
      return characters(String(this));
    }),
    celFunc('bytes', [STRING], BYTES, (text) => Buffer.from(text, 'latin1')),
    celFunc('string', [BYTES], STRING, (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      if (bytesOf(charactersOf(text)) !== text) throw new Error('not UTF-8');
      return text;
    }),
  ];
}

/** Bytes of UTF-8 that begin a character. */
function characters(text: string): bigint {
  let count = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xc0) !== 0x80) count += 1;
  return BigInt(count);
}

function refused({ enableStringConcat }: Allowances): CelFunc[] {
  const { celFunc, CelScalar, listType, objectType } = cel();
  const { STRING, BYTES, INT, DYN } = CelScalar;
  const [list, duration] = [listType(DYN), objectType('google.protobuf.Duration')];
  const refuse = (): never => {
    throw new Error('no such overload');
  };
  const joining = [celFunc('_+_', [STRING, STRING], STRING, refuse), celFunc('_+_', [BYTES, BYTES], BYTES, refuse)];
  return [
    ...(enableStringConcat ? [] : joining),
    celFunc('_+_', [list, list], list, refuse),
    // Not in Envoy's library.
    celFunc('int', [duration], INT, refuse),
    celFunc('duration', [INT], duration, refuse),
  ];
}

function reverse(): CelFunc {
  const { celMethod, CelScalar } = cel();
  return celMethod('reverse', CelScalar.STRING, [], CelScalar.STRING, function () {
    return bytesOf([...charactersOf(String(this))].reverse().join(''));
  });
}

function searches(search: (pattern: string) => Search): CelFunc[] {
  const { celFunc, celMethod, CelScalar, mapType } = cel();
  const { STRING, BOOL } = CelScalar;
  const finds = (text: string, pattern: string) => {
    const found = search(pattern);
    if (found.size > LARGEST_PATTERN) throw new Error('pattern is too large');
    return found.finds(charactersOf(text));
  };
  return [
    celFunc('matches', [STRING, STRING], BOOL, finds),
    celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
      return finds(String(this), pattern);
    }),
    celFunc('re.extract', [STRING, STRING, STRING], STRING, (text, pattern, rewrite) =>
      bytesOf(matched(search(pattern).extract(charactersOf(text), charactersOf(rewrite)))),
    ),
    celFunc('re.capture', [STRING, STRING], STRING, (text, pattern) => {
      const [, first] = matched(search(pattern).groups(charactersOf(text)));
      if (first === undefined) throw new Error('no group');
      return bytesOf(first);
    }),
    celFunc('re.captureN', [STRING, STRING], mapType(STRING, STRING), (text, pattern) => {
      const { groups, names: known } = search(pattern);
      const found = matched(groups(charactersOf(text)));
      return new Map(found.slice(1).map((group, i) => [known[i + 1] ?? String(i + 1), bytesOf(group)]));
    }),
  ];
}

function matched<Match>(found: Match | null): Match {
  if (found === null) throw new Error('no match');
  return found;
}
