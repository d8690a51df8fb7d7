// A step that runs one Vitest project and counts its tests.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NOTHING, type Outcome, root, runCommand, type Step } from './step.ts';

/** The part of Vitest's JSON report that is counted. */
type Report = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
};

export function vitestStep(project: string): Step {
  return { name: project, run: () => runProject(project) };
}

async function runProject(project: string): Promise<Outcome> {
  const folder = join(root, '.tulle/test');
  const file = join(folder, `${project}.json`);
  mkdirSync(folder, { recursive: true });
  rmSync(file, { force: true });
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`];
  // Outer tests go one file at a time: each starts a mesh of two dozen processes and looks at how fast it is.
  const pace = project === 'unit' ? [] : ['--no-file-parallelism'];
  const { code, output } = await runCommand('vitest', ['run', '--project', project, ...pace, ...reporters]);
  const report = readReport(file);
  if (report === null) return { ...NOTHING, failed: 1, output };
  const { numPassedTests: passed, numFailedTests, numPendingTests: skipped } = report;
  // A file that does not load or an error outside of tests fails the run without failing a test.
  const failed = numFailedTests === 0 && (code !== 0 || !report.success) ? 1 : numFailedTests;
  return { passed, failed, skipped, output };
}

/** null when Vitest ended before it wrote one. */
function readReport(file: string): Report | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return null;
  }
}
