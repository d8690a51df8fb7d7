// An xDS server on a Unix socket that only its own user can open: the file's mode is the authorization.
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { XdsServer } from '../xds/server.ts';

/** `server` has `unix:<socket>` as its address. Resolves with how to close it. @throws when the socket cannot be bound. */
export async function listenPrivately(server: XdsServer, socket: string): Promise<() => Promise<void>> {
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  await removeStale(socket);
  await server.listen();
  await chmod(socket, 0o600);
  return async () => {
    server.close();
    await removeStale(socket);
  };
}

/** A socket that an earlier run left would keep us from binding; anything else there is not ours to remove. */
async function removeStale(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await unlink(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
