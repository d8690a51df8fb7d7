// Asks the API once, or every so often, for as long as a component shows the answer.
import { useEffect, useState } from 'react';
import { ask } from './api.ts';

export type Answered<T> = { readonly value: T | null; readonly error: string };

/** `path: null` asks nothing. `every` is milliseconds; 0 asks once. The last answer stays until another path's comes. */
export function useAnswer<T>(path: string | null, every = 0): Answered<T> {
  const [answer, setAnswer] = useState<Answered<T> & { path: string | null }>({ path, value: null, error: '' });
  useEffect(() => {
    if (path === null) return;
    const aborted = new AbortController();
    const look = (): void => {
      ask<T>(path, aborted.signal)
        .then((value) => setAnswer({ path, value, error: '' }))
        .catch((error: unknown) => {
          if (!aborted.signal.aborted) setAnswer({ path, value: null, error: String(error).replace(/^Error: /, '') });
        });
    };
    look();
    const timer = every > 0 ? setInterval(look, every) : undefined;
    return () => {
      aborted.abort();
      clearInterval(timer);
    };
  }, [path, every]);
  return answer.path === path ? answer : { value: null, error: '' };
}
