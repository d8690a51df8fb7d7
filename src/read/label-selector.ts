// Kubernetes' LabelSelector: `matchLabels` and `matchExpressions`, all of which must hold.
import type { LabelExpression, LabelSelector } from '../model/policy.ts';
import type { Fields } from './field/fields.ts';
import { oneOf, text } from './field/values.ts';

/** null when any part of it cannot be read (then reported): what it selects is not known. */
export function readLabelSelector(fields: Fields): LabelSelector | null {
  const labels = Object.fromEntries(fields.map('matchLabels', text));
  const expressions = fields.objects('matchExpressions', readExpression).filter((item) => item !== null);
  return fields.complete() ? { labels, expressions } : null;
}

const OPERATORS = { In: 'in', NotIn: 'not-in', Exists: 'exists', DoesNotExist: 'absent' } as const;

function readExpression(fields: Fields): LabelExpression | null {
  const key = fields.require('key', text);
  const written = fields.require('operator', oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'));
  const values = fields.list('values', text);
  if (key === null || written === null) return null;
  const operator = OPERATORS[written];
  const wantsValues = operator === 'in' || operator === 'not-in';
  if (wantsValues && values.length === 0) fields.error('', 'invalid', `${written} needs values`);
  if (!wantsValues && values.length > 0) fields.error('values', 'invalid', `${written} takes no values`);
  return fields.failed ? null : { key, operator, values };
}
