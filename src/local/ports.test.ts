import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { isPortFree, PortAllocator, requireFree } from './ports.ts';

const allBut =
  (...taken: number[]) =>
  (_: string, port: number) =>
    Promise.resolve(!taken.includes(port));

async function allocateAll(ports: PortAllocator, keys: readonly string[]): Promise<number[]> {
  const given: number[] = [];
  for (const key of keys) given.push(await ports.allocate(key));
  return given;
}

test('ports are given out from 21000 up, skipping taken ones, and a key keeps its own', async () => {
  const ports = new PortAllocator('127.0.0.1', allBut(21_001));
  expect(await allocateAll(ports, ['a', 'b', 'a', 'c'])).toEqual([21_000, 21_002, 21_000, 21_003]);
});

test('ports of keys that are not retained are given out again', async () => {
  const ports = new PortAllocator('127.0.0.1', allBut());
  await allocateAll(ports, ['a', 'b', 'c']);
  ports.retain(new Set(['a', 'c']));
  expect(await allocateAll(ports, ['c', 'd', 'b'])).toEqual([21_002, 21_001, 21_003]);
});

test('when there is no port left it says so', async () => {
  const ports = new PortAllocator('127.0.0.1', () => Promise.resolve(false));
  await expect(ports.allocate('a')).rejects.toThrow('no free port between 21000 and 32000');
});

test('every taken port is named with what wanted it; port 0 is never taken', async () => {
  const wanted = [
    { port: 7080, wantedBy: 'the dashboard', hint: 'choose another with --port' },
    { port: 0, wantedBy: 'xds', hint: 'never shown' },
    { port: 15_012, wantedBy: 'xds', hint: 'choose another with --xds-port' },
    { port: 8080, wantedBy: 'a gateway', hint: 'never shown' },
  ];
  await expect(requireFree('127.0.0.1', wanted, allBut(7080, 15_012, 0))).rejects.toMatchObject({
    message: 'port 7080 is taken, the dashboard needs it; port 15012 is taken, xds needs it',
    hint: 'choose another with --port; choose another with --xds-port',
  });
  await expect(requireFree('127.0.0.1', wanted, allBut())).resolves.toBeUndefined();
});

test('a port is taken while a server listens on it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  expect(await isPortFree('127.0.0.1', port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree('127.0.0.1', port)).toBe(true);
});
