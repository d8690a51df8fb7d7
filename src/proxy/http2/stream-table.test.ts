import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Http2Stream } from './http2-stream.ts';
import { StreamTable } from './stream-table.ts';
import '../../../test/support/same-cases.ts';

const stream = (id: number) => ({ id }) as Http2Stream;

test('a stream that stays open is found among all that come and go', () => {
  const table = new StreamTable();
  const first = stream(1);
  table.add(first);
  for (let id = 3; id < 10_000; id += 2) {
    const next = stream(id);
    table.add(next);
    expect(table.get(1)).toBe(first);
    expect(table.get(id)).toBe(next);
    expect(table.delete(next)).toBe(true);
  }
  expect(table.all()).toEqual([first]);
});

test('holds what a Map would', () => {
  const step = fc.record({ open: fc.integer({ min: 1, max: 3 }), close: fc.nat(), times: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const table = new StreamTable();
      const map = new Map<number, Http2Stream>();
      let id = 1;
      for (const { open, close, times } of steps) {
        for (let i = 0; i < open; i++, id += 2 + 2 * (close % 9)) {
          const opened = stream(id);
          table.add(opened);
          map.set(id, opened);
        }
        for (let i = 0; i < times && map.size > 0; i++) {
          const closed = [...map.values()][(close + i) % map.size]!;
          map.delete(closed.id);
          expect(table.delete(closed)).toBe(true);
          expect(table.delete(closed)).toBe(false);
        }
        expect(table.size).toBe(map.size);
        for (let known = 1; known < id; known += 2) expect(table.get(known)).toBe(map.get(known));
      }
      expect(table.all()).toEqual([...map.values()]);
    }),
  );
});
