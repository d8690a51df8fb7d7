// Serves the agent's secrets to the proxy beside it over a Unix socket that only its own user can open.
import { SnapshotCache } from '../xds/cache.ts';
import { unlimitedAge, XdsServer } from '../xds/server.ts';
import type { XdsLog } from '../xds/stream.ts';
import type { IdentityAgent } from './agent.ts';
import { listenPrivately } from './private-socket.ts';
import { secretSnapshot } from './secret-resource.ts';

export type SecretServer = { close(): Promise<void> };

/** One node for whoever can open the socket: the file's mode is the authorization. */
const NODE = 'local';

export async function serveSecrets(agent: IdentityAgent, socket: string, log: XdsLog): Promise<SecretServer> {
  const cache = new SnapshotCache();
  const server = new XdsServer({
    cache,
    address: `unix:${socket}`,
    security: { kind: 'plaintext' },
    authorize: () => ({ ok: true, nodeId: NODE }),
    log,
    // Envoy opens a stream for every use of a secret, and keeps them as long as it lives.
    limits: { maxStreamsPerNode: 10_000, maxConnectionAge: unlimitedAge },
  });
  const close = await listenPrivately(server, socket);
  let version = 0;
  const stop = agent.onUpdate((secrets) => {
    version += 1;
    cache.setSnapshot(NODE, secretSnapshot(secrets, String(version)));
  });
  return {
    async close() {
      stop();
      await close();
    },
  };
}
