// Host names as Istio shortens them: without a dot they are services of the object's own namespace.
import type { Hostname } from '../../model/units.ts';
import { bad, good, type Parser, refine } from '../field/parser.ts';
import { hostname } from '../field/values.ts';
import { serviceHost } from '../service-host.ts';

export function hostIn(namespace: string): Parser<Hostname> {
  return refine(hostname, (host) => {
    if (host.includes('.') || host === '*') return good(host);
    const full = serviceHost(host, namespace);
    return full === null ? bad(`"${host}" is not the name of a service`) : good(full);
  });
}
