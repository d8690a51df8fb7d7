// A client, a proxy with one route and its upstreams, over real sockets: what a test opened is closed after it.
import type { Socket } from 'node:net';
import { afterEach } from 'vitest';
import { cluster, forward, route } from './configs.ts';
import { type Harness, startProxy } from './harness.ts';
import { type Origin, openClient, startEcho, startOrigin } from './origin.ts';

export const GET = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: shop\r\n${headers}\r\n`;
export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

export const bodyOf = (response: string): string => response.slice(response.indexOf('\r\n\r\n') + 4);

/** For the tests of one file. */
export function setStage() {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const thing of open.splice(0)) await thing.close();
  });

  const origin = async (script: (socket: Socket, request: string, count: number) => void): Promise<Origin> => {
    const started = await startOrigin(script);
    open.push(started);
    return started;
  };

  const echo = async (): Promise<Origin> => {
    const started = await startEcho();
    open.push(started);
    return started;
  };

  const proxy = async (...args: Parameters<typeof startProxy>): Promise<Harness> => {
    const harness = await startProxy(...args);
    open.push({ close: () => harness.dataPlane.close() });
    return harness;
  };

  /** One route, `/`, to one upstream. */
  const single = (port: number, action = {}, change = {}, clusterChange = {}): Promise<Harness> =>
    proxy({ '/': route(forward('up', action)) }, [cluster('up', [port], clusterChange)], change);

  /** The whole answer to a request on a connection of its own. */
  const ask = async (port: number, request: string): Promise<string> => {
    const client = openClient(port);
    open.push({ close: () => client.socket.destroy() });
    client.write(request);
    return client.until(isWhole);
  };

  return { open, origin, echo, proxy, single, ask };
}

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = received.slice(0, end);
  const length = /content-length: (\d+)/.exec(head);
  if (length) return received.length >= end + 4 + Number(length[1]);
  return /transfer-encoding: chunked/.test(head) ? /\r\n0\r\n(.+\r\n)*\r\n$/.test(received) : true;
}
