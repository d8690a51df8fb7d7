import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCommand } from './command.ts';
import '../../test/support/same-cases.ts';

test.each<[name: string, text: string, words: string[]]>([
  ['words', 'node app.ts --port 80', ['node', 'app.ts', '--port', '80']],
  ['white space of all kinds', '  node\t app.ts\n', ['node', 'app.ts']],
  ['double quotes', 'node "my app.ts"', ['node', 'my app.ts']],
  ['single quotes keep backslashes', String.raw`node 'a\b "c"'`, ['node', String.raw`a\b "c"`]],
  ['quotes inside a word', 'a"b c"d', ['ab cd']],
  ['an empty word', `node ""`, ['node', '']],
  ['a backslash outside quotes', String.raw`a\ b \"c`, ['a b', '"c']],
  ['a backslash inside double quotes', String.raw`"a\"b\\c\n"`, [String.raw`a"b\c\n`]],
  ['nothing expands', 'echo $HOME `id` *', ['echo', '$HOME', '`id`', '*']],
  ['a JSON array', '["node", "my app.ts", "$X"]', ['node', 'my app.ts', '$X']],
])('%s', (_, text, words) => {
  expect(parseCommand(text)).toEqual({ kind: 'words', words });
});

test.each([
  ['nothing', '   ', 'the command is empty'],
  ['an empty array', '[]', 'the command is empty'],
  ['an open quote', 'node "app', 'a " is not closed'],
  ['an array of numbers', '[1]', 'begins like a JSON array but is not one of strings'],
  ['half an array', '["node"', 'begins like a JSON array but is not one of strings'],
  ['a NUL', '["node", "a\\u0000"]', 'the command has a NUL character'],
])('%s is refused', (_, text, reason) => {
  expect(parseCommand(text)).toEqual({ kind: 'invalid', reason });
});

test('words in single quotes come back as they are', () => {
  const word = fc.string().filter((text) => !text.includes("'") && !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = ['x', ...words.map((each) => `'${each}'`)].join(' ');
      expect(parseCommand(text)).toEqual({ kind: 'words', words: ['x', ...words] });
    }),
  );
});
