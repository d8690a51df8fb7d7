// Questions to the API; an error is thrown with the sentence and the hint that the server gave.
import type { ErrorResponse } from '../../src/api/types.ts';

export async function ask<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(`/api/v1/${path}`, { signal });
  const body: unknown = await response.json();
  if (response.ok) return body as Answer;
  const { error, hint } = body as ErrorResponse;
  throw new Error(hint === '' ? error : `${error} (${hint})`);
}
