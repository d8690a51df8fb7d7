// Figures as people read them.
import type { Applied } from '../api/types.ts';

/** `12.3`; `-` where there is nothing. */
export const rate = (perSecond: number): string => (perSecond === 0 ? '-' : perSecond.toFixed(1));

/** `99.87%`; never rounded up to 100. */
export function percent(share: number | null): string {
  if (share === null) return '-';
  return share === 1 ? '100%' : `${(Math.floor(share * 10_000) / 100).toFixed(2)}%`;
}

/** `4.2ms`, `1.25s` */
export function latency(millis: number | null): string {
  if (millis === null) return '-';
  if (millis >= 1000) return `${(millis / 1000).toFixed(2)}s`;
  return `${millis < 10 ? millis.toFixed(1) : millis.toFixed(0)}ms`;
}

/** `7/7`, `6/7 (1 rejected)`; `-` for what shapes no proxy. */
export function appliedTo({ applied, total, rejected }: Applied): string {
  if (total === 0) return '-';
  return rejected === 0 ? `${applied}/${total}` : `${applied}/${total} (${rejected} rejected)`;
}

export function place(file: string, line: number): string {
  return file === '' ? '' : `${file}:${line}`;
}
