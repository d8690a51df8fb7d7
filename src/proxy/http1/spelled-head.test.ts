import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { headersOf, properCase, type SpellingMemory, spelled } from './spelled-head.ts';

const READ = 'HTTP/1.1 200 Quite Fine\r\nX-ABC: B-c: d\r\nx-Abc: 2\r\nETag: "x"\r\n';
const READY = 'HTTP/1.1 200 OK\r\nx-abc: b-c: d\r\netag: "x"\r\nx-own-2b: \r\n\r\n';
const asIs = (name: string) => name;

describe('spelling of heads', () => {
  test.each<[name: string, memory: SpellingMemory | null, wants: string]>([
    ['nobody asks', null, READY],
    [
      'as the peer spelt it first',
      { otherwise: asIs, phrases: false },
      'HTTP/1.1 200 OK\r\nX-ABC: b-c: d\r\nETag: "x"\r\nx-own-2b: \r\n\r\n',
    ],
    [
      'with its phrase, and names of our own in proper case',
      { otherwise: properCase.nameOf, phrases: true },
      'HTTP/1.1 200 Quite Fine\r\nX-ABC: b-c: d\r\nETag: "x"\r\nX-Own-2b: \r\n\r\n',
    ],
  ])('%s', (_name, memory, wants) => {
    expect(spelled(READY, headersOf([], READ, memory), null)).toBe(wants);
  });

  test.each([
    ['x-request-id', 'X-Request-Id'],
    ['etag', 'Etag'],
    ['x_a.b!c', 'X_A.B!C'],
    ['x-2b-b3ll', 'X-2b-B3ll'],
  ])('proper case: %s', (name, wants) => {
    expect(properCase.nameOf(name)).toBe(wants);
    expect(spelled(`GET / HTTP/1.1\r\n${name}: a-b\r\n\r\n`, new HeaderMap(), properCase)).toBe(
      `GET / HTTP/1.1\r\n${wants}: a-b\r\n\r\n`,
    );
  });

  test('what a head brings goes before what is usual, also in a copy of it', () => {
    const headers = headersOf([], READ, { otherwise: asIs, phrases: false }).clone();
    expect(spelled('HTTP/1.1 200 OK\r\netag: 1\r\nx-b: 1\r\n\r\n', headers, properCase)).toBe(
      'HTTP/1.1 200 OK\r\nETag: 1\r\nx-b: 1\r\n\r\n',
    );
  });
});
