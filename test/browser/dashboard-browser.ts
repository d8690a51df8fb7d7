// Debian's Chromium for browser tests; where it is missing a test is skipped with a reason, under CI=true it fails.
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

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

/** A browser with a profile of its own, which goes with it. */
export async function openBrowser(executablePath: string): Promise<BrowserContext & AsyncDisposable> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const viewport = { width: 1440, height: 900 };
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS, viewport });
  return Object.assign(context, {
    async [Symbol.asyncDispose]() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
