import { fromJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FilterStateValueSchema } from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { testExchange } from '../testing/exchange.ts';
import { compileFilterStateText } from './filter-state-text.ts';

function text(inline: string, read_only: boolean) {
  const format_string = { text_format_source: { inline_string: inline } };
  const json = { object_key: 'own', factory_key: 'envoy.string', format_string, read_only };
  return compileFilterStateText(fromJson(FilterStateValueSchema, json), 'v', () => undefined);
}

test('the last stays, read-only or not', () => {
  const exchange = testExchange();
  for (const [inline, readOnly] of [
    ['one', true],
    ['two', false],
    ['three', true],
  ] as const)
    text(inline, readOnly).leave(exchange);
  expect(exchange.filterState?.get('own')).toBe('three');
});

test('a request replaces nothing of its connection', () => {
  const exchange = testExchange({}, { filterState: new Map([['own', 'first']]) });
  expect(text('second', false).leave(exchange)).toBe(false);
  expect(exchange.filterState?.get('own')).toBe('first');
});
