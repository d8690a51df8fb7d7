import { expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { requestHead } from '../testing/exchange.ts';
import { AttemptSizes, RequestSizes } from './request-sizes.ts';

const shown = (into: RequestSizes) => Object.values(into).map(({ count, sum }) => `${count} ${sum}`);

test('an answered attempt has both sizes, whatever becomes of the head', () => {
  const into = new RequestSizes();
  const sizes = new AttemptSizes(into);
  const head = { status: 200, headers: new HeaderMap(['a', 'bc']) };
  sizes.answered(head);
  head.headers.append('later', 'x');
  sizes.bytes += 7;
  const request = requestHead({ authority: 'h', headers: ['x-a', '1'] });
  sizes.done(request, 5);
  const pseudo = ':methodGET:schemehttp:authorityh:path/'.length;
  expect(shown(into)).toEqual([`1 ${pseudo + 4}`, '1 5', '1 5', `1 ${':status200abc'.length}`, '1 2', '1 7']);
});

test('one without an answer has its own alone', () => {
  const into = new RequestSizes();
  new AttemptSizes(into).done(requestHead({ authority: '', path: '' }), 0);
  expect(shown(into).slice(1)).toEqual(['1 2', '1 0', '0 0', '0 0', '0 0']);
});
