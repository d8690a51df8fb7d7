import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import { istioReader } from './istio-reader.ts';
import { Scraper, type ScrapeTarget } from './scrape.ts';
import { TelemetryStore } from './store.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function target(name: string, answer: RequestListener): Promise<ScrapeTarget> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { name, host: '127.0.0.1', port: (server.address() as AddressInfo).port, reader: istioReader() };
}

const metrics =
  'istio_requests_total{reporter="source",source_workload="a",destination_workload="b",response_code="200"} 7\n';

test('one proxy that is down, one that hangs, one that lies: the others are counted, each error is said', async () => {
  const good = await target('good', (_request, response) => response.end(metrics));
  const down = await target('down', () => undefined);
  servers.pop()?.close();
  const hanging = await target('hanging', () => undefined);
  const lying = await target('lying', (_request, response) => response.end('<html>'));
  const failing = await target('failing', (_request, response) => response.writeHead(500).end());
  const store = new TelemetryStore();
  let rounds = 0;
  const scraper = new Scraper({
    targets: () => [good, down, hanging, lying, failing],
    store,
    clock: new ManualClock(),
    onRound: () => rounds++,
  });
  await scraper.round();
  expect(rounds).toBe(1);
  expect(store.totals()).toMatchObject([{ counts: { requests: 7 } }]);
  expect(['good', 'hanging', 'lying', 'failing'].map((name) => scraper.error(name))).toEqual([
    '',
    'no metrics within 900 ms',
    'line 1 of its metrics: a metric name must begin with a letter, _ or :',
    'metrics answered 500',
  ]);
  expect(scraper.error('down')).toContain('ECONNREFUSED');
});

test('after it is closed a round that is under way records nothing', async () => {
  const store = new TelemetryStore();
  const good = await target('good', (_request, response) => response.end(metrics));
  const scraper = new Scraper({
    targets: () => [good],
    store,
    clock: new ManualClock(),
    onRound: () => expect.unreachable(),
  });
  const round = scraper.round();
  scraper.close();
  await round;
  expect(store.totals()).toEqual([]);
});
