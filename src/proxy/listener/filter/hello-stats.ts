// Counters of what the TLS inspector finds, under Envoy's names: `tls_inspector.<field>`.
import type { FilterScope } from '../../filter/filter.ts';
import type { readHello } from './tls-inspector.ts';

class HelloStats {
  client_hello_too_large = 0;
  tls_found = 0;
  tls_not_found = 0;
  alpn_found = 0;
  alpn_not_found = 0;
  sni_found = 0;
  sni_not_found = 0;
}

/** null: it was too long. */
export function countHello(hello: ReturnType<typeof readHello>, statsOf: FilterScope['stats']): void {
  const stats = statsOf('tls_inspector', () => new HelloStats());
  if (hello === null) {
    stats.client_hello_too_large += 1;
    return;
  }
  if (hello.transport !== 'tls') {
    stats.tls_not_found += 1;
    return;
  }
  stats.tls_found += 1;
  stats[hello.applicationProtocols.length > 0 ? 'alpn_found' : 'alpn_not_found'] += 1;
  stats[hello.serverName === '' ? 'sni_not_found' : 'sni_found'] += 1;
}
