import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { commandStep, NOTHING, runSteps, type Step } from './step.ts';

let lines: string[];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line.replace(/ +\d+\.\d s/, ''));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function counted(name: string, passed: number, failed: number, skipped = 0): Step {
  return { name, run: async () => ({ passed, failed, skipped, output: `${name} said` }) };
}

test('a failure does not stop what comes after, and everything is summed', async () => {
  const total = await runSteps([counted('one', 3, 0, 2), counted('two', 1, 1), counted('three', 1, 0)]);
  expect(total).toMatchObject({ passed: 5, failed: 1, skipped: 2 });
  expect(lines).toEqual([
    'one  ok  3 passed, 0 failed, 2 skipped',
    'two  FAILED  1 passed, 1 failed',
    'two said\n',
    'three  ok',
    'all',
  ]);
});

test('a step that throws has failed', async () => {
  const broken: Step = { name: 'broken', run: () => Promise.reject(new Error('no such command')) };
  expect(await runSteps([broken])).toEqual({ ...NOTHING, failed: 1 });
  expect(lines).toContain('no such command\n');
});

test('a command passes by its exit code and shows what it wrote when it fails', async () => {
  const step = (name: string, code: number): Step =>
    commandStep(name, 'node', '-e', `console.error('why'); process.exit(${code})`);
  expect(await runSteps([step('good', 0), step('bad', 3)])).toMatchObject({ passed: 1, failed: 1 });
  expect(lines.filter((line) => line === 'why\n')).toHaveLength(1);
});

test('a command that does not exist is a failure with its name', async () => {
  await runSteps([commandStep('lost', 'no-such-command')]);
  expect(lines.join('\n')).toContain('no-such-command');
});
