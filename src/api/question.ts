// One request to the API, taken apart; and the error that becomes its answer.

/** Answered as `{error, hint}` with that status; never a bug. */
export class ApiError extends Error {
  readonly status: number;
  readonly hint: string;

  constructor(status: number, message: string, hint: string) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

export const badRequest = (message: string, hint: string): ApiError => new ApiError(400, message, hint);

export type Question = {
  /** A `:name` of the endpoint's path. */
  parameter(name: string): string;
  query(name: string): string | null;
  queries(name: string): readonly string[];
};

/** `null` when the path is not the pattern's. */
export function matchPath(pattern: string, url: URL): Question | null {
  const wanted = pattern.split('/');
  const given = url.pathname.split('/');
  if (wanted.length !== given.length) return null;
  const parameters = new Map<string, string>();
  for (const [i, segment] of wanted.entries()) {
    const value = decode(given[i] ?? '');
    if (segment.startsWith(':') && value !== null && value !== '') parameters.set(segment.slice(1), value);
    else if (segment !== value) return null;
  }
  return {
    parameter: (name) => parameters.get(name) ?? '',
    query: (name) => url.searchParams.get(name),
    queries: (name) => url.searchParams.getAll(name),
  };
}

export function integerParameter(
  question: Question,
  name: string,
  otherwise: number,
  low: number,
  high: number,
): number {
  const text = question.query(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= low && value <= high) return value;
  throw badRequest(`${name} "${text.slice(0, 40)}" is not a whole number`, `${low}-${high}`);
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
