// What is put into a request to say who sends it.
import type { SecretRef } from '../../config/tls-types.ts';
import type { FilterScope } from '../filter.ts';

export type Credential = {
  /** Lower case. */
  readonly header: string;
  readonly secrets: readonly SecretRef[];
  /** '' while there is none. */
  value(scope: FilterScope): string;
};
