// What is said about a request, as data; the shape of the API's answer.
import type { Origin } from '../model/origin.ts';

/** One decision on a request's way, in order. */
export type Step = {
  readonly stage: 'listener' | 'route' | 'cluster' | 'endpoint' | 'transport' | 'policy';
  readonly outcome: 'passed' | 'refused' | 'note';
  /** One line. */
  readonly text: string;
  readonly origin: Origin | null;
};

type Verdict = 'forwarded' | 'denied' | 'answered' | 'failed';

export type Explanation = {
  readonly verdict: Verdict;
  /** Status that a proxy answers by itself; null when the application answers. */
  readonly status: number | null;
  readonly summary: string;
  readonly steps: readonly Step[];
};

/** How it ends for a part of the requests; `share` is of 1. */
export type Ending = {
  readonly share: number;
  readonly verdict: Verdict;
  readonly status: number | null;
  readonly text: string;
};

export const step = (
  stage: Step['stage'],
  outcome: Step['outcome'],
  text: string,
  origin: Origin | null = null,
): Step => ({
  stage,
  outcome,
  text,
  origin,
});

/** The verdict is that of the largest share (the first of equals); the summary tells all. */
export function conclude(endings: readonly Ending[], steps: readonly Step[]): Explanation {
  const largest = endings.reduce((a, b) => (b.share > a.share ? b : a));
  const [only] = endings;
  const summary =
    endings.length === 1 && only !== undefined
      ? only.text
      : endings.map(({ share, text }) => `${percent(share)} ${text}`).join('; ');
  return { verdict: largest.verdict, status: largest.status, summary, steps };
}

/** `12.5 %` */
export const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
