// Figures as people read them; `–` where nothing was measured.
import type { Applied, Golden } from '../../src/api/types.ts';

const NOTHING = '–';

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  return `${perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1)}/s`;
}

/** Never rounded up to 100 %. */
export function percent(share: number | null): string {
  if (share === null) return NOTHING;
  if (share === 1) return '100 %';
  return `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
}

export function millis(value: number | null): string {
  if (value === null) return NOTHING;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export type Health = 'good' | 'failing' | 'denied' | 'idle';

/** What colour it gets. A few failures in a hundred are failing; refusals are policy at work. */
export function healthOf({ rate: requests, success, denied }: Golden): Health {
  if (requests === 0) return 'idle';
  if (success !== null && success < 0.99) return 'failing';
  return denied > 0 && success === null ? 'denied' : 'good';
}

/** `applied 7/7, 45 ms`; '' for what shapes no proxy. */
export function appliedText({ applied, total, millis: took }: Applied): string {
  if (total === 0) return '';
  return `applied ${applied}/${total}${took === null ? '' : `, ${took} ms`}`;
}

export const placeText = (file: string, line: number): string => (file === '' ? '' : `${file}:${line}`);
