// Percent encodings (RFC 3986) of texts that hold one character per byte.

/** For a query: all but unreserved characters. */
export function queryEncoded(text: string): string {
  return text.replace(/[^A-Za-z0-9._~-]/g, encoded);
}

/** For a form, of what is not encoded yet. */
export function formEncoded(text: string): string {
  return text.replace(/[^ -}]|[:/=&?+]/g, encoded);
}

function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
