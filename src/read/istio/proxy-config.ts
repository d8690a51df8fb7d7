// ProxyConfig → how many threads the proxies of its workloads carry traffic in.
import type { ProxySettings } from '../../model/proxy-settings.ts';
import type { Fields } from '../field/fields.ts';
import { count } from '../field/values.ts';
import { ROOT_NAMESPACE, readSelector } from './policy-target.ts';

export function readProxyConfig(root: Fields): ProxySettings | null {
  return root.object('spec', (spec) => {
    const selector = readSelector(spec);
    const concurrency = spec.get('concurrency', count);
    spec.unsupported('environmentVariables', 'image');
    const { namespace, created } = root.source;
    // Without a selector that can be read it would be about everybody.
    if (concurrency === null || (selector === null && spec.failed)) return null;
    const meshWide = namespace === ROOT_NAMESPACE && selector === null;
    return { namespace: meshWide ? null : namespace, selector, concurrency, created, origin: root.origin() };
  });
}
