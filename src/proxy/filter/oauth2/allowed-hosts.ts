// `allowed_redirect_domains`: the hosts that a browser may be sent to.

/** [] allows any. `*.example.com` is for all below it. */
export function compileAllowed(domains: readonly string[]): (url: string) => boolean {
  if (domains.length === 0) return () => true;
  const exact = new Set(domains.filter((domain) => !domain.startsWith('*.')).map((domain) => domain.toLowerCase()));
  const suffixes = domains.filter((domain) => domain.startsWith('*.')).map((domain) => domain.slice(1).toLowerCase());
  return (url) => {
    const host = hostOf(url);
    return (
      host !== null &&
      (exact.has(host) || suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix)))
    );
  };
}

/** Without port and brackets. null: it is no absolute URL of HTTP. */
export function hostOf(url: string): string | null {
  const host = /^https?:\/\/(?:\[([0-9a-f:.]+)\]|([^/?#:@\\\s]+))(?::\d+)?(?:[/?#]|$)/i.exec(url);
  return (host?.[1] ?? host?.[2])?.toLowerCase() ?? null;
}
