import { expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { forward, route } from '../testing/configs.ts';
import { maxDuration } from './max-duration.ts';

const grpc = { max: 100, offset: 10 };
const deadline = (text: string) => new HeaderMap(['grpc-timeout', text]);

test.each<
  [name: string, own: Parameters<typeof forward>[1], headers: HeaderMap, manager: number, wants: number | null]
>([
  ['nothing', {}, new HeaderMap(), 0, null],
  ['the manager’s', {}, new HeaderMap(), 7, 7],
  ['the route’s', { maxDuration: { limit: 5, grpc: null } }, new HeaderMap(), 7, 5],
  ['the route’s is none', { maxDuration: { limit: 0, grpc: null } }, new HeaderMap(), 7, null],
  ['the route says nothing', { maxDuration: { limit: null, grpc } }, new HeaderMap(), 7, 7],
  ['a deadline that is not looked at', { maxDuration: { limit: 5, grpc: null } }, deadline('1m'), 7, 5],
  ['a deadline', { maxDuration: { limit: 5, grpc } }, deadline('50m'), 7, 40],
  ['a deadline that is cut', { maxDuration: { limit: 5, grpc } }, deadline('1S'), 7, 90],
  ['a deadline that is not cut', { maxDuration: { limit: 5, grpc: { max: 0, offset: 0 } } }, deadline('1S'), 7, 1000],
  ['less than the offset', { maxDuration: { limit: 5, grpc } }, deadline('4m'), 7, 0],
])('%s', (_name, own, headers, manager, wants) => {
  expect(maxDuration(route(forward('c', own)), headers, manager)).toBe(wants);
});
