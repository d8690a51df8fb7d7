import { expect, test } from 'vitest';
import { wantsOpenMetrics } from './accept.ts';

test.each([
  ['nothing', '', false],
  ['anything', '*/*', false],
  ['text', 'text/plain;version=0.0.4', false],
  ['OpenMetrics', 'application/openmetrics-text', true],
  ['a version of it', 'application/openmetrics-text; version=1.0.0', true],
  [
    'what Prometheus sends',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2',
    true,
  ],
  ['rather text', 'application/openmetrics-text;q=0.3,text/plain;q=0.7', false],
  ['anything but', 'application/openmetrics-text;q=0, */*', false],
  ['an unreadable weight', 'application/openmetrics-text;q=x', false],
])('%s', (_name, accept, wants) => {
  expect(wantsOpenMetrics(accept)).toBe(wants);
});
