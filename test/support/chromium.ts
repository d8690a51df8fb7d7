// Debian's Chromium for browser tests; where it is missing a test is skipped with a reason, under CI=true it fails.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Path of the executable; null (with a word on stderr) where there is none and that is allowed. */
export function findChromium(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = ['chromium', 'chromium-browser']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable);
  if (found !== undefined) return found;
  if (process.env['CI'] === 'true') throw new Error('chromium is not on the PATH (apt-get install chromium)');
  process.stderr.write('skipped: browser tests need chromium on the PATH (apt-get install chromium)\n');
  return null;
}

/** A browser with a temporary profile, which goes when it is closed. */
export const launchChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: FLAGS });

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
