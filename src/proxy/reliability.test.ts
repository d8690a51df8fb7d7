// Timeouts, retries, limits, lost connections, slow peers: what happens when not everything goes well.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type RetryPolicy, retryNever } from './route/retry-policy.ts';
import type { AttemptOutcome } from './route/table.ts';
import { cluster, forward, limits, route } from './testing/configs.ts';
import { openClient } from './testing/origin.ts';
import { bodyOf, GET, OK, setStage } from './testing/stage.ts';

const { origin, echo, proxy, single, ask } = setStage();

function retry(change: Partial<RetryPolicy> = {}): RetryPolicy {
  const retriable = (outcome: AttemptOutcome) => outcome.kind !== 'response' || outcome.head.status >= 500;
  return { ...retryNever(null), retries: 2, backoff: { base: 2, max: 10 }, retriable, ...change };
}

describe('timeouts and retries', () => {
  test('504 UT when the upstream takes longer than the route allows', async () => {
    const up = await origin(() => undefined);
    const { port, accessLog, stat } = await single(up.port, { timeout: 30 });
    expect(await ask(port, GET('/'))).toMatch(
      /^HTTP\/1\.1 504 Gateway Timeout\r\n[\s\S]*\r\n\r\nupstream request timeout$/,
    );
    expect(accessLog).toEqual(['/ 504 UT response_timeout']);
    expect(stat('cluster.up.upstream_rq_timeout')).toBe(1);
    expect(stat('cluster.up.upstream_rq_active')).toBe(0);
  });

  test('504 SI when nothing moves for the stream idle timeout', async () => {
    const up = await origin(() => undefined);
    const { port, accessLog } = await single(up.port, { timeout: 0 }, { streamIdleTimeout: 30 });
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 504 [\s\S]*stream timeout$/);
    expect(accessLog).toEqual(['/ 504 SI stream_idle_timeout']);
  });

  test('408 SI when the body of a request stops coming', async () => {
    const up = await origin(() => undefined);
    const { port, accessLog } = await single(up.port, {}, { streamIdleTimeout: 30 });
    expect(await ask(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')).toMatch(/^HTTP\/1\.1 408 /);
    expect(accessLog).toEqual(['/ 408 SI stream_idle_timeout']);
  });

  test('a body is sent again with every retry', async () => {
    const up = await origin((socket, _request, count) => {
      if (count === 1) socket.write('HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n');
      else if (count === 2) socket.resetAndDestroy();
      else socket.write(OK);
    });
    const { port, accessLog, stat } = await single(up.port, { retry: retry() });
    expect(await ask(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc')).toMatch(/^HTTP\/1\.1 200 /);
    expect(up.requests.map(bodyOf)).toEqual(['abc', 'abc', 'abc']);
    expect(accessLog).toEqual(['/ 200 - via_upstream']);
    expect(stat('cluster.up.upstream_rq_retry')).toBe(2);
  });

  test('URX with the last response when the retries are used up', async () => {
    const up = await origin((socket) => socket.write('HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n'));
    const { port, accessLog } = await single(up.port, { retry: retry() });
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 503 [\s\S]*x-envoy-upstream-service-time/);
    expect(accessLog).toEqual(['/ 503 URX via_upstream']);
    expect(up.requests).toHaveLength(3);
  });

  test('says so when the last of several attempts was reset', async () => {
    const up = await origin((socket) => socket.resetAndDestroy());
    const { port, accessLog } = await single(up.port, { retry: retry({ retries: 1 }) });
    expect(await ask(port, GET('/'))).toMatch(/retried and the latest reset reason: connection termination$/);
    expect(accessLog).toEqual(['/ 503 URX,UC upstream_reset_before_response_started{connection_termination}']);
  });

  test('a try that takes too long is repeated', async () => {
    const up = await origin((socket, _request, count) => {
      if (count > 1) socket.write(OK);
    });
    const { port, stat } = await single(up.port, { retry: retry(), perTryTimeout: 1_000 });
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(stat('cluster.up.upstream_rq_per_try_timeout')).toBe(1);
  });

  test('a body over the limit is not kept, so not retried', async () => {
    const up = await origin((socket) => socket.write('HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n'));
    const { port, stat } = await single(up.port, { retry: retry(), bufferLimit: 90_000 });
    const body = 'x'.repeat(100_000);
    expect(await ask(port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)).toMatch(
      /^HTTP\/1\.1 503 /,
    );
    expect(up.requests).toHaveLength(1);
    expect(stat('cluster.up.retry_or_shadow_abandoned')).toBe(1);
  });

  test('no retries beyond the cluster’s budget', async () => {
    const up = await origin((socket) => socket.write('HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n'));
    const none = { default: limits({ maxRetries: 0 }), high: limits() };
    const { port, accessLog, stat } = await single(up.port, { retry: retry() }, {}, { limits: none });
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 503 /);
    expect(accessLog).toEqual(['/ 503 UO via_upstream']);
    expect(stat('cluster.up.upstream_rq_retry_overflow')).toBe(1);
  });
});

describe('connections', () => {
  test('pipelined requests are answered in order over one upstream connection', async () => {
    const up = await echo();
    const { port } = await single(up.port);
    const client = openClient(port);
    client.write(GET('/1') + GET('/2') + GET('/3'));
    const received = await client.until((text) => text.split('GET /').length === 4 && text.endsWith('\r\n\r\n'));
    expect([...received.matchAll(/GET (\S+)/g)].map(([, path]) => path)).toEqual(['/1', '/2', '/3']);
    expect(up.connections()).toBe(1);
    client.socket.destroy();
  });

  test('an idle upstream connection that was closed is replaced', async () => {
    const up = await origin((socket) => socket.end(OK));
    const { port, accessLog } = await single(up.port);
    for (const _ of [1, 2, 3]) {
      expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 200 /);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(up.connections()).toBe(3);
    expect(accessLog).toHaveLength(3);
  });

  test('a connection serves only so many requests as the cluster says', async () => {
    const up = await echo();
    const { port, stat } = await single(up.port, {}, {}, { maxRequestsPerConnection: 2 });
    for (const path of ['/1', '/2', '/3']) await ask(port, GET(path));
    expect(up.connections()).toBe(2);
    expect(stat('cluster.up.upstream_cx_max_requests')).toBe(1);
  });

  test('503 UO when there are as many requests as may be; those that wait are none of them', async () => {
    const up = await origin(() => undefined);
    const few = { default: limits({ maxConnections: 1, maxRequests: 1 }), high: limits() };
    const { port, accessLog, stat } = await single(up.port, {}, {}, { limits: few });
    openClient(port).write(GET('/1'));
    await expect.poll(() => up.requests.length).toBe(1);
    openClient(port).write(GET('/2'));
    await expect.poll(() => stat('cluster.up.upstream_rq_pending_active')).toBe(1);
    expect(stat('cluster.up.upstream_rq_active')).toBe(1);
    expect(accessLog).toEqual([]);
    const another = { default: limits({ maxRequests: 1 }), high: limits() };
    const unqueued = await single(up.port, {}, {}, { limits: another });
    openClient(unqueued.port).write(GET('/3'));
    await expect.poll(() => up.requests.length).toBe(2);
    expect(await ask(unqueued.port, GET('/4'))).toMatch(/^HTTP\/1\.1 503 [\s\S]*x-envoy-overloaded: true/);
    expect(unqueued.stat('cluster.up.upstream_rq_active_overflow')).toBe(1);
  });

  test('503 UO and x-envoy-overloaded when the queue is full', async () => {
    const up = await origin(() => undefined);
    const few = { default: limits({ maxConnections: 1, maxPendingRequests: 1 }), high: limits() };
    const { port, accessLog, stat } = await single(up.port, {}, {}, { limits: few });
    const first = openClient(port);
    const second = openClient(port);
    first.write(GET('/1'));
    await expect.poll(() => up.requests.length).toBe(1);
    second.write(GET('/2'));
    await expect.poll(() => stat('cluster.up.upstream_rq_pending_active')).toBe(1);
    expect(await ask(port, GET('/3'))).toMatch(
      /^HTTP\/1\.1 503 [\s\S]*x-envoy-overloaded: true\r\n[\s\S]*reset reason: overflow$/,
    );
    expect(accessLog).toEqual(['/3 503 UO upstream_reset_before_response_started{overflow}']);
    first.socket.destroy();
    second.socket.destroy();
  });

  test('DC and no status when the client leaves; the upstream connection is given up', async () => {
    const up = await origin(() => undefined);
    const { port, accessLog, stat } = await single(up.port);
    const client = openClient(port);
    client.write(GET('/slow'));
    await expect.poll(() => up.requests.length).toBe(1);
    client.socket.destroy();
    await expect.poll(() => accessLog).toEqual(['/slow 0 DC downstream_remote_disconnect']);
    expect(stat('cluster.up.upstream_rq_active')).toBe(0);
    expect(stat('cluster.up.upstream_cx_active')).toBe(0);
  });

  test('a large body arrives unchanged, both ways, while small answers pass beside it', async () => {
    const bytes = randomBytes(3_000_000).toString('latin1');
    const large = await echo();
    const small = await origin((socket) => socket.write(OK));
    const { port } = await proxy({ '/large': route(forward('large')), '/': route(forward('small')) }, [
      cluster('large', [large.port]),
      cluster('small', [small.port]),
    ]);
    const client = openClient(port);
    client.write(`POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`);
    const done = client.until((received) => received.length > bytes.length && received.endsWith(bytes.slice(-100)));
    for (let i = 0; i < 20; i++) expect(bodyOf(await ask(port, GET('/')))).toBe('ok');
    const received = await done;
    expect(received.slice(-bytes.length) === bytes).toBe(true);
    client.socket.destroy();
  });

  test('a slow reader stops the upstream instead of filling memory', async () => {
    const total = 64 * 1024 * 1024;
    let sent = 0;
    const up = await origin((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
      const chunk = Buffer.alloc(65_536);
      const pump = () => {
        while (sent < total) {
          sent += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', pump);
            return;
          }
        }
      };
      pump();
    });
    const { port } = await single(up.port);
    const client = openClient(port);
    client.write(GET('/'));
    await client.until(/\r\n\r\n/);
    client.socket.pause();
    let before = -1;
    await expect
      .poll(
        () => {
          const still = sent === before;
          before = sent;
          return still;
        },
        { interval: 200, timeout: 30_000 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(total / 2);
    client.socket.destroy();
  });

  test('a bug in a filter costs the one request', async () => {
    const up = await echo();
    const filter = {
      name: 'broken',
      request: ({ request }: { request: { path: string } }) => {
        if (request.path === '/bug') throw new Error('oops');
        return undefined;
      },
    };
    const { port, complaints, stat } = await single(up.port, {}, { filters: [filter] });
    expect(await ask(port, GET('/bug'))).toMatch(/^HTTP\/1\.1 500 /);
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(complaints).toEqual(['exception while handling a request Error: oops']);
    expect(stat('http.test.uncaught_exceptions')).toBe(1);
  });

  test('a copy goes to the mirror; its failure changes nothing', async () => {
    const up = await echo();
    const shadow = await origin((socket) => socket.resetAndDestroy());
    const { port } = await proxy(
      {
        '/': route(
          forward('up', {
            mirrors: [
              {
                clusterFor: () => 'shadow',
                share: () => 1,
                edits: [],
                sampled: null,
                rename: (host) => `copy.${host}`,
              },
            ],
          }),
        ),
      },
      [cluster('up', [up.port]), cluster('shadow', [shadow.port])],
    );
    expect(await ask(port, 'POST / HTTP/1.1\r\nHost: shop:80\r\nContent-Length: 3\r\n\r\nabc')).toMatch(
      /^HTTP\/1\.1 200 /,
    );
    await expect.poll(() => shadow.requests.length).toBe(1);
    expect(shadow.requests[0]).toMatch(/^POST \/ HTTP\/1\.1\r\nhost: copy.shop:80\r\n[\s\S]*abc$/);
  });
});
