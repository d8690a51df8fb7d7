// What is shown of secrets.
import { expect, test } from 'vitest';
import { redact } from './redact.ts';

test('secrets of filters are not shown, whatever they are made of', () => {
  const shown = { inline_string: '[redacted]' };
  expect(
    redact({
      generic_secret: { secret: { inline_string: 'a' }, secrets: { b: { inline_bytes: 'Yg==' } } },
      other: { secret: 'not of a secret' },
    }),
  ).toEqual({ generic_secret: { secret: shown, secrets: shown }, other: { secret: 'not of a secret' } });
  expect(redact({ generic_secret: { secret: { filename: 'f' } } })).toEqual({
    generic_secret: { secret: { filename: 'f' } },
  });
  expect(redact({ generic_secret: { secrets: { filename: { inline_string: 'a' } } } })).toEqual({
    generic_secret: { secrets: shown },
  });
});
