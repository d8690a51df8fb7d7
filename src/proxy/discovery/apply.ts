// One update of one type → decoded and put to use, resource by resource; what fails is named and leaves the rest alone.
import type { Rejection, Update } from '../../xds/client-type.ts';
import type { TypeUrl } from '../../xds/resource.ts';
import type { Applied } from './config-target.ts';
import type { ResourceLog } from './resource-log.ts';

export type ResourceHandler = {
  readonly typeUrl: TypeUrl;
  /** Decodes, at once and by throwing; the result puts it to use, and settles when it is. */
  set(bytes: Uint8Array, name: string): Applied;
  remove(name: string): void;
};

export async function applyUpdate(
  update: Update,
  handler: ResourceHandler,
  log: ResourceLog,
): Promise<readonly Rejection[]> {
  const { typeUrl } = handler;
  for (const name of update.removed) {
    handler.remove(name);
    log.removed(typeUrl, name);
  }
  // All are begun before any is waited for: they may need each other.
  const outcomes = update.added.map(async ({ name, version, bytes }): Promise<Rejection | null> => {
    log.received(typeUrl, name, version, bytes);
    try {
      await handler.set(bytes, name);
      log.activated(typeUrl, name);
      return null;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.rejected(typeUrl, name, detail);
      return { name, detail };
    }
  });
  const settled = await Promise.all(outcomes);
  return settled.filter((rejection) => rejection !== null);
}
