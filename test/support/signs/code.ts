// Source text with comments, strings, templates and regular expressions blanked out, so that what is left is code. Offsets and lines stay.

/** A `/` after one of these begins a regular expression, after anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|await|yield|throw|delete|void))\s*$/;

export function codeOf(text: string): string {
  const out =
    [...text].length === text.length ? text.split('') : Array.from({ length: text.length }, (_, i) => text[i]!);
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const blank = (end: number): void => {
    for (; at < end; at += 1) if (out[at] !== '\n') out[at] = ' ';
  };
  while (at < text.length) {
    const char = text[at]!;
    if (text.startsWith('//', at)) blank(endOr(text, text.indexOf('\n', at), 0));
    else if (text.startsWith('/*', at)) blank(endOr(text, text.indexOf('*/', at + 2), 2));
    else if (char === "'" || char === '"') blank(endOfQuoted(text, at, char));
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop();
      const end = endOfTemplatePart(text, at + 1);
      blank(end);
      if (text[end - 1] === '{') templates.push(depth);
    } else if (char === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join('')))
      blank(endOfRegex(text, at));
    else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      at += 1;
    }
  }
  return out.join('');
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function endOr(text: string, found: number, extra: number): number {
  return found < 0 ? text.length : found + extra;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

/** Just after the closing backtick, or just after the `${` that opens a hole. */
function endOfTemplatePart(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    if (text[at] === '`') return at + 1;
    if (text.startsWith('${', at)) return at + 2;
    at += text[at] === '\\' ? 2 : 1;
  }
  return text.length;
}

function endOfRegex(text: string, start: number): number {
  let at = start + 1;
  let inClass = false;
  while (at < text.length && text[at] !== '\n') {
    if (text[at] === '/' && !inClass) return at + 1;
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at;
}
