import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { ClusterQuestion, OnDemand } from '../config/on-demand.ts';
import { HeaderMap } from '../http/headers.ts';
import { grant, type Wish, Wishes } from './wishes.ts';

const question: ClusterQuestion = {
  name: 'a',
  timeout: 1_000,
  source: {
    key: 'x',
    fetchTimeout: 0,
    place: {
      kind: 'stream',
      stream: {
        protocol: 'delta',
        nodeOnce: false,
        rate: null,
        retry: { base: 1, max: 2 },
        target: { cluster: 'x', authority: '', timeout: 0, metadata: new HeaderMap(['x-token', 't']), maxMessage: 1 },
      },
    },
  },
};

/** As another thread gets it. */
function sent<T>(message: T): T {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(message);
  const { message: received } = receiveMessageOnPort(port2)!;
  port1.close();
  return received as T;
}

it('a wish crosses to the main thread whole, and is granted once', () => {
  const wishes: Wish[] = [];
  const worker = new Wishes((wish) => wishes.push(sent(wish)));
  const granted: string[] = [];
  worker.cluster(question, (outcome) => void granted.push(outcome));
  worker.virtualHost('rc', 'a.test', () => void granted.push('host'));
  const heard: unknown[] = [];
  const control: OnDemand = {
    cluster(asked, done) {
      const { place } = asked.source;
      const metadata = place.kind === 'stream' ? [...(place.stream.target.metadata ?? [])] : null;
      heard.push([asked.name, asked.timeout, metadata]);
      done('late');
    },
    virtualHost(table, host, done) {
      heard.push([table, host]);
      done();
    },
  };
  for (const wish of wishes) grant(wish, control, (outcome) => worker.granted(wish.wish, outcome));
  expect(heard).toEqual([
    ['a', 1_000, [['x-token', 't']]],
    ['rc', 'a.test'],
  ]);
  worker.granted(wishes[0]!.wish, 'used');
  expect(granted).toEqual(['late', 'host']);
});
