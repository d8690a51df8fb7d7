// The user's YAML, read once before anything starts and followed afterwards.
import type { Reading } from '../sources/files.ts';
import { watchFiles } from '../sources/watch.ts';
import { StartError } from './start-error.ts';

export type MeshFiles = {
  readonly first: Reading;
  /** Calls back with every later reading; one that came before is not lost. */
  follow(onReading: (reading: Reading) => void): void;
  close(): void;
};

/** Resolves with the first reading. @throws StartError when nothing can be read. */
export function openFiles(path: string): Promise<MeshFiles> {
  return new Promise((resolve, reject) => {
    let first: Reading | null = null;
    let newest: Reading | null = null;
    let listener: ((reading: Reading) => void) | null = null;
    const follow = (onReading: (reading: Reading) => void): void => {
      listener = onReading;
      if (newest !== null && newest !== first) onReading(newest);
    };
    const watch = watchFiles(path, (reading) => {
      newest = reading;
      listener?.(reading);
      if (first !== null) return;
      first = reading;
      if (reading.objects.length > 0) return resolve({ first, follow, close: () => watch.close() });
      watch.close();
      reject(nothingToRun(path, reading));
    });
  });
}

function nothingToRun(path: string, { problems: [problem] }: Reading): StartError {
  const place = problem?.origin.place;
  const where = place && place.line > 0 ? `${place.file}:${place.line}` : path;
  return new StartError(
    `${where}: ${problem?.message ?? 'there are no objects'}`,
    'give a folder of YAML with -f; demo/manifests is an example',
  );
}
