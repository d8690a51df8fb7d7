// Which resources of a refused response a client's error text names (Envoy: `Error adding/updating cluster(s) NAME: why`).

/** Empty when it names none: then the whole response must be taken as refused. */
export function namedIn(detail: string, names: Iterable<string>): Set<string> {
  const named = new Set<string>();
  for (const name of names) if (mentions(detail, name)) named.add(name);
  return named;
}

function mentions(detail: string, name: string): boolean {
  if (name === '') return false;
  for (let at = detail.indexOf(name); at !== -1; at = detail.indexOf(name, at + 1)) {
    if (isBoundary(detail[at - 1]) && isBoundary(detail[at + name.length])) return true;
  }
  return false;
}

/** Neither letter, digit nor what joins the parts of a resource's name. */
function isBoundary(char: string | undefined): boolean {
  return char === undefined || /[\s"'`(),:;=[\]]/.test(char);
}
