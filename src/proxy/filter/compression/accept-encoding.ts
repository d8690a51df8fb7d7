// RFC 9110 12.5.3: which of the encodings offered a client wants.

type Wanted = { readonly coding: string; readonly quality: number };

/** The offered encoding it wants most, the first among equals; null: none, so the body goes as it is. */
export function chooseEncoding(accepted: string, offered: readonly string[]): string | null {
  const wanted = parse(accepted);
  const any = wanted.find(({ coding }) => coding === '*');
  let best: Wanted | null = null;
  for (const coding of offered) {
    const quality = (wanted.find((one) => one.coding === coding) ?? any)?.quality ?? 0;
    if (quality > 0 && (best === null || quality > best.quality)) best = { coding, quality };
  }
  const identity = wanted.find(({ coding }) => coding === 'identity');
  return best === null || (identity !== undefined && identity.quality > best.quality) ? null : best.coding;
}

function parse(accepted: string): Wanted[] {
  return accepted.split(',').flatMap((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const quality = parameters.map((text) => /^q=(\d+(?:\.\d*)?)$/i.exec(text)?.[1]).find((text) => text !== undefined);
    return name === '' ? [] : [{ coding: name.toLowerCase(), quality: quality === undefined ? 1 : Number(quality) }];
  });
}
