// Files that are there as a whole or not at all.
import { open, readFile, rename } from 'node:fs/promises';

/** null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Never leaves a half-written file under the final name, nor a key readable for a moment. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const scratch = `${path}.${process.pid}`;
  const file = await open(scratch, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(scratch, path);
}
