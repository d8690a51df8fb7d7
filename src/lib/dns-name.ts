// Names of hosts in certificates.

/** A name in a certificate may be a wildcard, which stands for one label (RFC 6125 section 6.4.3). */
export function isName(certified: string, wanted: string): boolean {
  const [name, host] = [certified.toLowerCase(), wanted.toLowerCase()];
  if (name === host) return true;
  const dot = host.indexOf('.');
  return name.startsWith('*.') && dot > 0 && host.slice(dot) === name.slice(1);
}
