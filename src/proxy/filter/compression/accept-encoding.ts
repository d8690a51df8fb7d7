// RFC 9110 12.5.3: which of the encodings offered a client wants, and what about its wish decided that.

/** `chosen`: by name; `any`: by `*`; `identity`: it wants the body as it is; `invalid`: nothing it names is offered. */
export type Choice = {
  /** null: the body goes as it is. */
  readonly encoding: string | null;
  readonly by: 'chosen' | 'any' | 'identity' | 'invalid';
};

type Wanted = { readonly coding: string; readonly quality: number };

const invalid: Choice = { encoding: null, by: 'invalid' };
const identity: Choice = { encoding: null, by: 'identity' };

/** The encoding it wants most; among equals the `preferred`, or the first it names; where it takes any, the first that is offered. */
export function chooseEncoding(accepted: string, offered: readonly string[], preferred?: string): Choice {
  const [first] = offered;
  if (first === undefined) return invalid;
  let best: Wanted = { coding: '', quality: 0 };
  for (const one of parse(accepted)) {
    const known = one.coding === '*' || one.coding === 'identity' || offered.includes(one.coding);
    const better = one.quality > best.quality || (one.quality === best.quality && one.coding === preferred);
    if (known && better) best = one;
  }
  if (best.quality === 0) return invalid;
  if (best.coding === 'identity') return identity;
  return best.coding === '*' ? { encoding: first, by: 'any' } : { encoding: best.coding, by: 'chosen' };
}

function parse(accepted: string): Wanted[] {
  return accepted.split(',').flatMap((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const quality = parameters.map((text) => /^q=(\d+(?:\.\d*)?)$/i.exec(text)?.[1]).find((text) => text !== undefined);
    return name === '' ? [] : [{ coding: name.toLowerCase(), quality: quality === undefined ? 1 : Number(quality) }];
  });
}
