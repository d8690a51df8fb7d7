// The tulle command: where things are in this package, and all commands.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from '../cli/program.ts';
import { processTerminal } from '../cli/terminal.ts';
import { upCommand } from '../cli/up.ts';

const root = join(import.meta.dirname, '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const up = upCommand(
  { terminal: processTerminal },
  {
    version,
    demo: relative(process.cwd(), join(root, 'demo', 'manifests')),
    dashboard: join(root, 'dashboard', 'dist'),
  },
);

process.exitCode = await run(process.argv.slice(2), version, processTerminal, [up]);
