import { expect, test } from 'vitest';
import { millionths, TimeoutBudgets, TryBudget } from './timeout-budgets.ts';

test.each([
  ['a part', 50, 200, 250_000],
  ['a small part', 1.9, 15_000, 66],
  ['more than all', 300, 200, 1_500_000],
  ['of no timeout', 300, 0, 0],
])('%s', (_name, used, timeout, wants) => {
  expect(millionths(used, timeout)).toBe(wants);
});

test('a try is recorded where it ends, in percent', () => {
  const into = new TimeoutBudgets();
  new TryBudget(into, 1_000, 400).done(1_010);
  const { count, sum } = into.upstream_rq_timeout_budget_per_try_percent_used;
  expect([count, sum, into.upstream_rq_timeout_budget_percent_used.count]).toEqual([1, 2.5, 0]);
});
