import { expect, test } from 'vitest';
import { answerLogging } from './logging.ts';

function ask(query: string) {
  let held = 'info';
  const { status, body } = answerLogging(new URLSearchParams(query), (change) => {
    if (change !== null) held = change;
    return held;
  });
  return [status, body.split('\n', 1)[0], /proxy: (\w+)/.exec(body)?.[1]];
}

test.each([
  ['', 200, 'active loggers:', 'info'],
  ['level=debug', 200, 'active loggers:', 'debug'],
  ['proxy=warning', 200, 'active loggers:', 'warning'],
  ['level=critical', 200, 'active loggers:', 'critical'],
  ['level=off', 200, 'active loggers:', 'off'],
  ['paths=proxy:debug', 200, 'active loggers:', 'debug'],
  ['paths=proxy:debug,proxy:trace', 200, 'active loggers:', 'trace'],
  ['paths=', 200, 'active loggers:', 'info'],
  ['level=loud', 400, 'error: unknown logger level', 'info'],
  ['nobody=debug', 400, 'error: unknown logger name', 'info'],
  ['paths=nobody:debug', 400, 'error: unknown logger name', 'info'],
  ['paths=proxy', 400, 'error: unknown logger level', 'info'],
  ['level=debug&proxy=info', 400, 'error: invalid number of parameters', 'info'],
])('/logging?%s', (query, ...wants) => {
  expect(ask(query)).toEqual(wants);
});
