// Istio's exportTo: the namespaces whose clients see an object.
import type { Audience } from '../model/service.ts';

/** `*` is every namespace (so is nothing at all), `.` the object's own, `~` none. */
export function audienceOf(written: readonly string[], own: string): Audience {
  const names = written.map((name) => name.trim()).filter((name) => name !== '');
  if (names.length === 0 || names.includes('*')) return { kind: 'all' };
  const named = names.filter((name) => name !== '~').map((name) => (name === '.' ? own : name));
  return { kind: 'namespaces', names: [...new Set(named)].sort() };
}
