// Names of services inside the cluster, and how dialects shorten them.
import { type Hostname, parseHostname } from '../model/units.ts';

const CLUSTER_DOMAIN = 'cluster.local';
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `catalog.shop.svc.cluster.local`; null when one of the two is no DNS label. */
export function serviceHost(name: string, namespace: string): Hostname | null {
  return LABEL.test(name) && LABEL.test(namespace) ? parseHostname(`${name}.${namespace}.svc.${CLUSTER_DOMAIN}`) : null;
}

/** The service that a host of this form means, or null. */
export function serviceOfHost(host: string): { readonly name: string; readonly namespace: string } | null {
  const [name, namespace, ...rest] = host.split('.');
  if (name === undefined || namespace === undefined || rest.join('.') !== `svc.${CLUSTER_DOMAIN}`) return null;
  return { name, namespace };
}

/** `name`, `name.ns`, `name.ns.svc` and the full name all mean the full name; other hosts stay as they are. */
export function expandServiceName(written: string, namespace: string): Hostname | null {
  const [name, ns = namespace, ...rest] = written.toLowerCase().replace(/\.$/, '').split('.');
  const suffix = rest.join('.');
  const inCluster = suffix === '' || suffix === 'svc' || suffix === `svc.${CLUSTER_DOMAIN}`;
  return inCluster ? serviceHost(name!, ns) : parseHostname(written);
}
