// Asks the control plane's API; every way it can fail becomes a sentence with a hint.
import type { ErrorResponse } from '../api/types.ts';
import { CommandFailure } from './failure.ts';

/** Milliseconds an answer may take. */
const TIMEOUT = 10_000;

export type ApiClient = { get<Answer>(path: string): Promise<Answer> };

export function apiClient(base: string): ApiClient {
  return {
    async get<Answer>(path: string): Promise<Answer> {
      const response = await ask(base, path);
      const body: unknown = await parseBody(response, base);
      if (response.ok) return body as Answer;
      const { error, hint } = body as ErrorResponse;
      throw new CommandFailure(error, hint);
    },
  };
}

async function ask(base: string, path: string): Promise<Response> {
  try {
    return await fetch(new URL(path, base), { signal: AbortSignal.timeout(TIMEOUT), redirect: 'error' });
  } catch {
    throw new CommandFailure(`no control plane answers at ${base}`, 'start one with `tulle up`, or give --api URL');
  }
}

async function parseBody(response: Response, base: string): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new CommandFailure(`what answers at ${base} is not a control plane`, 'give --api URL');
  }
}
