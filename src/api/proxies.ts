// The proxies that run, with what they have acknowledged and what their plan says of them.
import type { MeshView } from './mesh-view.ts';
import type { ProxyStatus } from './types.ts';

export function proxyStatuses(view: MeshView, scrapeError: (nodeId: string) => string): ProxyStatus[] {
  const identities = new Map(view.plans().map(({ proxy }) => [proxy.id, proxy.identity]));
  return view
    .proxies()
    .map(({ admin, ...proxy }): ProxyStatus => {
      const sync = view.sync(proxy.nodeId);
      return {
        ...proxy,
        admin: admin === null ? '' : `${admin.host}:${admin.port}`,
        identity: identities.get(proxy.nodeId) ?? '',
        connected: sync !== null,
        sync: sync ?? [],
        certificateExpires: view.certificateExpires(proxy.nodeId),
        scrapeError: scrapeError(proxy.nodeId),
      };
    })
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}
