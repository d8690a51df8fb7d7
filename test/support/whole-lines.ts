// Lines of a file that somebody writes while it is read: what has no end yet is no line.
import { readFileSync } from 'node:fs';

/** Without empty ones; none where there is no file yet. */
export function wholeLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').slice(0, -1).filter(Boolean);
}
