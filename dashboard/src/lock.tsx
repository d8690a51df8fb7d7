// The sign of mutual TLS: closed when all of it is, open when some or all is plain text, nothing when unknown.
import type { ReactNode } from 'react';
import { percent } from './format.ts';

export function Lock({ encrypted }: { encrypted: number | null }): ReactNode {
  if (encrypted === null) return null;
  const closed = encrypted === 1;
  const label = closed ? 'mutual TLS' : encrypted === 0 ? 'plain text' : `${percent(encrypted)} mutual TLS`;
  return (
    <svg className="lock" data-closed={closed} viewBox="0 0 16 16" role="img" aria-label={label}>
      <title>{label}</title>
      <rect x="3" y="7" width="10" height="7" rx="1.5" fill="currentColor" />
      <path
        d={closed ? 'M5 7V5a3 3 0 0 1 6 0v2' : 'M5 7V4.5a3 3 0 0 1 5.8-1'}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.7"
      />
    </svg>
  );
}
