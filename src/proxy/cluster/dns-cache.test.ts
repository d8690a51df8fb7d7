import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { DnsCacheConfig } from '../config/dns-cache.ts';
import { DnsCache } from './dns-cache.ts';
import type { DnsAnswer } from './resolver.ts';

const config: DnsCacheConfig = {
  name: 'c',
  family: 'v4',
  refresh: 60_000,
  minimumRefresh: 5_000,
  resolver: null,
  failureRefresh: null,
  ttl: 300_000,
  maxNames: 3,
  maxPending: 2,
  timeout: 5_000,
  known: [],
};

function make(change: Partial<DnsCacheConfig> = {}) {
  const clock = new ManualClock();
  const questions: { name: string; answer(answer: DnsAnswer): void; fail(error: Error): void }[] = [];
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const cache = new DnsCache(
    { ...config, ...change },
    {
      wheel,
      now: () => clock.now(),
      random: () => 0.5,
      resolve: () => (name) => new Promise((answer, fail) => void questions.push({ name, answer, fail })),
    },
  );
  const heard: string[] = [];
  cache.listen({
    onAddresses: ({ key, addresses }) => void heard.push(`${key} ${addresses}`),
    onGone: ({ key }) => void heard.push(`${key} gone`),
  });
  const answer = async (...addresses: string[]) => {
    questions.shift()!.answer({ addresses, ttl: null });
    await new Promise(setImmediate);
  };
  const fail = async (code: string) => {
    questions.shift()!.fail(Object.assign(new Error(code), { code }));
    await new Promise(setImmediate);
  };
  return { clock, cache, questions, heard, answer, fail };
}

test('whoever waits goes on without an answer where the cache is gone', async () => {
  const { cache, answer } = make();
  const waiting = cache.look('a', 80);
  cache.stop();
  expect(await waiting).toMatchObject({ addresses: [], settled: true });
  await answer('10.0.0.1');
  expect(cache.stats.dns_query_success).toBe(0);
});

describe('a name', () => {
  test('is asked for once, and whoever waits gets the answer', async () => {
    const { cache, questions, heard, answer } = make();
    const [first, second] = [cache.look('a', 80), cache.look('a', 80)];
    expect(questions.map(({ name }) => name)).toEqual(['a']);
    await answer('10.0.0.1', '10.0.0.2');
    expect([await first, await second]).toMatchObject([{ addresses: ['10.0.0.1', '10.0.0.2'] }, { host: 'a' }]);
    expect(cache.look('a', 80)).toMatchObject({ key: 'a:80', settled: true });
    expect(heard).toEqual(['a:80 10.0.0.1,10.0.0.2']);
    expect(cache.stats).toMatchObject({ dns_query_attempt: 1, dns_query_success: 1, host_added: 1, num_hosts: 1 });
  });

  test('that nobody has is remembered, and asked for again', async () => {
    const { clock, cache, questions, heard, answer, fail } = make({ failureRefresh: { base: 1_000, max: 1_000 } });
    const asked = cache.look('a', 80);
    await fail('ENOTFOUND');
    expect(await asked).toMatchObject({ addresses: [], settled: true });
    expect(cache.stats).toMatchObject({ dns_query_success: 1, dns_query_failure: 0 });
    clock.advance(600);
    expect(questions.length).toBe(1);
    await answer('10.0.0.1');
    expect(heard).toEqual(['a:80 10.0.0.1']);
  });

  test('keeps its addresses while DNS fails, and gets those that changed', async () => {
    const { clock, cache, heard, answer, fail } = make();
    void cache.look('a', 80);
    await answer('10.0.0.1', '10.0.0.2');
    clock.advance(60_100);
    await fail('ESERVFAIL');
    expect(cache.find('a', 80)?.addresses).toEqual(['10.0.0.1', '10.0.0.2']);
    clock.advance(60_100);
    await answer('10.0.0.2', '10.0.0.1');
    clock.advance(60_100);
    await answer('10.0.0.3');
    expect(heard).toEqual(['a:80 10.0.0.1,10.0.0.2', 'a:80 10.0.0.3']);
    expect(cache.stats).toMatchObject({ dns_query_failure: 1, host_address_changed: 2 });
  });

  test('whose answer does not come is given up', async () => {
    const { clock, cache } = make();
    const asked = cache.look('a', 80);
    clock.advance(5_100);
    expect(await asked).toMatchObject({ addresses: [] });
    expect(cache.stats).toMatchObject({ dns_query_timeout: 1, dns_query_failure: 1 });
  });

  test('that nobody asked for is forgotten', async () => {
    const { clock, cache, questions, heard, answer } = make({ ttl: 90_000 });
    void cache.look('a', 80);
    await answer('10.0.0.1');
    clock.advance(60_100);
    await answer('10.0.0.1');
    clock.advance(60_100);
    expect(questions).toEqual([]);
    expect(heard.at(-1)).toBe('a:80 gone');
    expect(cache.stats).toMatchObject({ host_removed: 1, num_hosts: 0 });
  });

  test('that is known beforehand is asked for at once', () => {
    const { questions } = make({ known: [{ host: 'a', port: 443 }] });
    expect(questions.map(({ name }) => name)).toEqual(['a']);
  });
});

test('there is an end to names, and to requests that wait', async () => {
  const { cache, answer } = make();
  void cache.look('a', 80);
  void cache.look('b', 80);
  expect(cache.look('c', 80)).toBe('too many wait');
  await answer('10.0.0.1');
  await answer('10.0.0.2');
  void cache.look('c', 80);
  await answer('10.0.0.3');
  expect(cache.look('d', 80)).toBe('full');
  expect(cache.stats.host_overflow).toBe(1);
});
