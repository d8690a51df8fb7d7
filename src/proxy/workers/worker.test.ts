import { once } from 'node:events';
import { connect } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { create, fromJson, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SharedCounts } from '../../lib/shared-counts.ts';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { balanceName, CONNECTIONS, SERVES } from '../listener/exact-balance.ts';
import { DEFAULT_FLUSH } from '../log/sink.ts';
import { silentLog } from '../testing/harness.ts';
import { registry } from '../testing/resources.ts';
import type { Answer, FromWorker, Order } from './messages.ts';
import { serveWorker } from './worker.ts';

/** The second of two, in this thread. */
function start() {
  const counts = SharedCounts.allocate();
  const { port1: port, port2: own } = new MessageChannel();
  serveWorker(
    own,
    {
      ...{ index: 1, threads: 3, counts, tallies: SharedTallies.allocate(3) },
      ...{ bootstrap: toBinary(BootstrapSchema, create(BootstrapSchema)), runtime: [], failing: false },
      ...{ logLevel: 'warn', logFlush: DEFAULT_FLUSH, ticketSeed: new Uint8Array(48) },
      drainTimes: { requests: 0, connections: 0 },
    },
    { ...silentLog([]), level: 'warn' },
  );
  let asked = 0;
  const ask = async (order: Order): Promise<Answer> => {
    asked += 1;
    const id = asked;
    port.postMessage({ kind: 'order', id, order });
    for (;;) {
      const [message] = (await once(port, 'message')) as [FromWorker];
      if (message.kind === 'answer' && message.id === id) return message.outcome;
    }
  };
  return { ask, end: () => port.close(), balance: new SharedCounts(counts).of(balanceName(1, 'l')) };
}

const tcp = {
  '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  ...{ stat_prefix: 'tcp', cluster: 'nobody' },
};
const listener = fromJson(
  ListenerSchema,
  {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    connection_balance_config: { exact_balance: {} },
    filter_chains: [{ filters: [{ name: 'tcp', typed_config: tcp }] }],
  },
  { registry },
);
const bytes = toBinary(ListenerSchema, listener);
const opens: Order = { kind: 'change', change: { kind: 'listener', name: 'l', bytes, ports: [], sockets: [null] } };
const goes: Order = { kind: 'change', change: { kind: 'listener gone', name: 'l' } };

test('what is given to it before it has had a connection of its own is not forgotten', async () => {
  const { ask, end, balance } = start();
  const opened = await ask(opens);
  expect([opened.kind, balance.get(SERVES)]).toEqual(['done', 1]);
  // By another thread, on its way.
  balance.increment(CONNECTIONS);
  const [port = 0] = opened.kind === 'done' ? opened.ports : [];
  const client = connect(port, '127.0.0.1');
  // Nobody has the cluster.
  client.on('error', () => undefined).resume();
  await once(client, 'close');
  await expect.poll(() => balance.get(CONNECTIONS), { timeout: 30_000 }).toBe(1);
  await ask(goes);
  expect(balance.get(SERVES)).toBe(0);
  end();
});

test('what comes when the listener is gone is refused, and counts no more', async () => {
  const { ask, end, balance } = start();
  await ask(opens);
  balance.increment(CONNECTIONS);
  await ask(goes);
  const taken = await ask({ kind: 'connection', listener: 'l', descriptor: -1 });
  expect([taken.kind, balance.get(CONNECTIONS)]).toEqual(['refused', 0]);
  end();
});
