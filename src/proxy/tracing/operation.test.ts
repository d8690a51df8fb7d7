import { expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { Operation } from './operation.ts';

const HEADER = 'x-envoy-decorator-operation';
const told = { operation: 'own', propagate: true };
const kept = { operation: 'own', propagate: false };

test.each<
  [what: string, 'ingress' | 'egress', typeof told | null, string | null, name: string, passedOn: string | undefined]
>([
  ['egress tells its own', 'egress', told, null, 'own', 'own'],
  ['egress tells its own in place of another', 'egress', told, 'other', 'own', 'own'],
  ['egress keeps its own', 'egress', kept, null, 'own', undefined],
  ['egress without one passes another on', 'egress', null, 'other', '', 'other'],
  ['ingress believes another', 'ingress', told, 'other', 'other', undefined],
  ['ingress believes nobody', 'ingress', told, '', 'own', undefined],
  ['ingress without one believes another', 'ingress', null, 'other', 'other', undefined],
])('request: %s', (_, direction, decorator, header, name, passedOn) => {
  const request = new HeaderMap(header === null ? [] : [HEADER, header]);
  expect(new Operation(direction, decorator, request).name).toBe(name);
  expect(request.get(HEADER)).toBe(passedOn);
});

test.each<[what: string, 'ingress' | 'egress', typeof told, string | null, name: string, passedOn: string | undefined]>(
  [
    ['ingress tells its own', 'ingress', told, null, 'own', 'own'],
    ['ingress keeps its own', 'ingress', kept, null, 'own', undefined],
    ['egress believes another', 'egress', told, 'other', 'other', undefined],
    ['egress believes nobody', 'egress', told, '', 'own', undefined],
  ],
)('response: %s', (_, direction, decorator, header, name, passedOn) => {
  const operation = new Operation(direction, decorator, new HeaderMap());
  const response = new HeaderMap(header === null ? [] : [HEADER, header]);
  operation.onResponse(response);
  expect([operation.name, response.get(HEADER)]).toEqual([name, passedOn]);
});

test('who was told a name tells none', () => {
  const operation = new Operation('ingress', told, new HeaderMap([HEADER, 'other']));
  const response = new HeaderMap();
  operation.onResponse(response);
  expect(response.has(HEADER)).toBe(false);
});
