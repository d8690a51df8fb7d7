// What a single value may be: a function from anything to a typed value or to what is wrong with it.

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly hint: string };

export type Parser<T> = (raw: unknown) => Parsed<T>;

export const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const bad = (message: string, hint = ''): Parsed<never> => ({ ok: false, message, hint });

const SHOWN = 60;

/** A value as messages show it: short, on one line, and never more of a large object than its type. */
export function show(raw: unknown): string {
  if (Array.isArray(raw)) return 'a list';
  if (typeof raw === 'object' && raw !== null) return 'an object';
  const text = typeof raw === 'string' ? JSON.stringify(raw) : String(raw);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

/** From a function that gives null for what it does not accept. */
export function parserOf<T>(what: string, parse: (raw: unknown) => T | null, hint = ''): Parser<T> {
  return (raw) => {
    const value = parse(raw);
    return value === null ? bad(`${show(raw)} is not ${what}`, hint) : good(value);
  };
}

// Not called `then`: a module that exports that name is a thenable, and `import()` of it never ends.
/** First the one, then a further condition or conversion on its result. */
export function refine<A, B>(first: Parser<A>, next: (value: A) => Parsed<B>): Parser<B> {
  return (raw) => {
    const parsed = first(raw);
    return parsed.ok ? next(parsed.value) : parsed;
  };
}
