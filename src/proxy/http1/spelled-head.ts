// Heads in a spelling of their own: how a peer spelt one is read from its text, and text that is ready to be sent is written anew.
// What has no spelling passes through here with one comparison.
import { HeaderMap } from '../http/headers.ts';
import type { Spelling } from '../http/spelling.ts';

/** Envoy's `preserve_case`. */
export type SpellingMemory = {
  /** For names that the peer did not say. */
  readonly otherwise: (name: string) => string;
  /** What the peer called its status is passed on. */
  readonly phrases: boolean;
};

/** `text`: the whole head; `memory`: null where nobody remembers how it was spelt. */
export function headersOf(fields: string[], text: string, memory: SpellingMemory | null): HeaderMap {
  const headers = new HeaderMap(fields);
  if (memory !== null) headers.spelling = readSpelling(text, memory);
  return headers;
}

/** `usual`: for heads that bring no spelling; null is lower case. */
export function spelled(text: string, headers: HeaderMap, usual: Spelling | null): string {
  const spelling = headers.spelling ?? usual;
  return spelling === null ? text : rewritten(text, spelling);
}

/** A capital at the start of each word: `X-Request-Id`. */
export const properCase: Spelling = {
  nameOf: (name) => name.replace(/(?<![a-z0-9])[a-z]/g, (letter) => letter.toUpperCase()),
  phrase: '',
};

const NAMES = /(?<=\n)[^:\r\n]+(?=:)/g;
/** Before the phrase of a status line. */
const STATUS_LENGTH = 'HTTP/1.1 200 '.length;

function rewritten(text: string, { nameOf, phrase }: Spelling): string {
  const named = text.replace(NAMES, (name) => nameOf(name));
  return phrase === '' ? named : `${named.slice(0, STATUS_LENGTH)}${phrase}${named.slice(named.indexOf('\r'))}`;
}

/** The first spelling of a name counts, as in Envoy. */
function readSpelling(text: string, { otherwise, phrases }: SpellingMemory): Spelling {
  const names = new Map<string, string>();
  for (const [name] of text.matchAll(NAMES)) {
    const lower = name.toLowerCase();
    if (!names.has(lower)) names.set(lower, name);
  }
  return {
    nameOf: (name) => names.get(name) ?? otherwise(name),
    phrase: phrases ? text.slice(STATUS_LENGTH, text.indexOf('\r')) : '',
  };
}
