import { expect, test } from 'vitest';
import { type Machine, PortAllocator, requireFree, thisMachine } from './ports.ts';

function allBut(...taken: number[]): Machine & { readonly held: Set<number> } {
  const held = new Set<number>();
  return {
    held,
    isFree: (_, port) => Promise.resolve(!taken.includes(port)),
    hold: (_, port) => {
      if (taken.includes(port) || held.has(port)) return Promise.resolve(null);
      held.add(port);
      return Promise.resolve(() => void held.delete(port));
    },
  };
}

async function allocateAll(ports: PortAllocator, keys: readonly string[]): Promise<number[]> {
  const given: number[] = [];
  for (const key of keys) given.push(await ports.allocate(key));
  return given;
}

test('ports are given out from 21001 up, skipping taken ones, and a key keeps its own', async () => {
  const ports = new PortAllocator('127.0.0.1', allBut(21_002));
  expect(await allocateAll(ports, ['a', 'b', 'a', 'c'])).toEqual([21_001, 21_003, 21_001, 21_004]);
});

test('ports of keys that are not retained are given out again', async () => {
  const ports = new PortAllocator('127.0.0.1', allBut());
  await allocateAll(ports, ['a', 'b', 'c']);
  ports.retain(new Set(['a', 'c']));
  expect(await allocateAll(ports, ['c', 'd', 'b'])).toEqual([21_003, 21_002, 21_004]);
});

test('two meshes have blocks of their own, though neither listens yet', async () => {
  const machine = allBut();
  const [one, two] = [new PortAllocator('127.0.0.1', machine), new PortAllocator('127.0.0.1', machine)];
  expect([await one.allocate('a'), await two.allocate('a'), await one.allocate('b')]).toEqual([21_001, 21_501, 21_002]);
  one.close();
  expect(machine.held).toEqual(new Set([21_500]));
});

test('a mesh that fills a block takes another', async () => {
  const ports = new PortAllocator('127.0.0.1', allBut());
  const given = await allocateAll(
    ports,
    Array.from({ length: 600 }, (_, index) => `key ${index}`),
  );
  expect(new Set(given).size).toBe(600);
  expect(given.slice(498, 501)).toEqual([21_499, 21_501, 21_502]);
});

test('when there is no port left it says so', async () => {
  const ports = new PortAllocator('127.0.0.1', { ...allBut(), isFree: () => Promise.resolve(false) });
  await expect(ports.allocate('a')).rejects.toThrow('no free ports between 21000 and 31999');
});

test('every taken port is named with what wanted it; port 0 is never taken', async () => {
  const wanted = [
    { port: 7080, wantedBy: 'the dashboard', hint: 'choose another with --port' },
    { port: 0, wantedBy: 'xds', hint: 'never shown' },
    { port: 15_012, wantedBy: 'xds', hint: 'choose another with --xds-port' },
    { port: 8080, wantedBy: 'a gateway', hint: 'never shown' },
  ];
  await expect(requireFree('127.0.0.1', wanted, allBut(7080, 15_012, 0))).rejects.toMatchObject({
    message: 'port 7080, which is for the dashboard, is taken; port 15012, which is for xds, is taken',
    hint: 'choose another with --port; choose another with --xds-port',
  });
  await expect(requireFree('127.0.0.1', wanted, allBut())).resolves.toBeUndefined();
});

test('a port is taken while a server listens on it', async () => {
  const port = 20_000 + Math.floor(Math.random() * 900);
  const release = await thisMachine.hold('127.0.0.1', port);
  expect(await thisMachine.isFree('127.0.0.1', port)).toBe(false);
  release?.();
  expect(release === null || (await thisMachine.isFree('127.0.0.1', port))).toBe(true);
});
