// Where in the application we are, kept in the URL's hash so that it can be linked and the back button works.
import { useCallback, useSyncExternalStore } from 'react';
import type { ObjectRef } from '../../src/model/origin.ts';

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

/** `#/configuration/VirtualService/shop/catalog` → its decoded segments. */
export function useHash(): { segments: readonly string[]; go: (...segments: string[]) => void } {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const go = useCallback((...segments: string[]) => {
    location.hash = hrefOf(...segments);
  }, []);
  return { segments: hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decode), go };
}

/** Of an object's page; `-` stands for no namespace. */
export const objectSegments = ({ group, kind, namespace, name }: ObjectRef): readonly [string, string, string] => [
  group === '' ? kind : `${kind}.${group}`,
  namespace || '-',
  name,
];

export const objectHref = (object: ObjectRef): string => hrefOf('configuration', ...objectSegments(object));

export const hrefOf = (...segments: string[]): string => `#/${segments.map(encodeURIComponent).join('/')}`;

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
