import { expect, test } from 'vitest';
import { Initialization } from './initialization.ts';

type Step = 'found nobody' | 'found two' | 'checked' | 'end';

test.each<[name: string, steps: readonly Step[], over: boolean]>([
  ['nothing is known', [], false],
  ['a check ends before endpoints are known', ['checked'], false],
  ['there is nobody to check', ['found nobody'], true],
  ['some are not checked', ['found two', 'checked'], false],
  ['all were', ['found two', 'checked', 'checked'], true],
  ['others come meanwhile', ['found two', 'checked', 'found two', 'checked'], true],
  ['all go meanwhile', ['found two', 'found nobody'], true],
  ['the cluster goes', ['end'], true],
])('%s', (_name, steps, over) => {
  const initialization = new Initialization();
  let calls = 0;
  initialization.whenOver(() => {
    calls += 1;
  });
  for (const step of steps) {
    if (step === 'checked') initialization.checked();
    else if (step === 'end') initialization.end();
    else initialization.discovered(step === 'found two' ? 2 : 0);
  }
  expect([initialization.over, calls]).toEqual([over, over ? 1 : 0]);
  initialization.whenOver(() => {
    calls += 1;
  });
  expect(calls).toBe(over ? 2 : 0);
});
