// A folder's sign: the two lines of its README.md that a test can hold it to.

export type Sign = {
  /** Folder relative to src; '' is src itself. */
  readonly folder: string;
  /** Folders, or single files ending in .ts, relative to src. */
  readonly mayImport: readonly string[];
  /** Packages and `node:` modules. */
  readonly mayUse: readonly string[];
};

/** Throws when one of the two lines is missing or there twice. */
export function readSign(folder: string, text: string): Sign {
  return { folder, mayImport: listAfter('May import', folder, text), mayUse: listAfter('May use', folder, text) };
}

function listAfter(title: string, folder: string, text: string): string[] {
  const lines = text.split('\n').filter((line) => line.startsWith(`- ${title}:`));
  if (lines.length !== 1) throw new Error(`src/${folder}/README.md has ${lines.length} lines "- ${title}:", wants one`);
  return lines[0]!
    .slice(`- ${title}:`.length)
    .replace(/\([^)]*\)/g, '')
    .split(',')
    .map((entry) => entry.replace(/[`.\s]+$|^[`\s]+/g, '').replace(/\/$/, ''))
    .filter((entry) => entry !== '' && entry !== 'nothing' && entry !== 'none');
}
