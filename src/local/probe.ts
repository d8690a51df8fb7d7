// Whether a local process is ready: its port accepts a connection, or its proxy's admin interface says so.
import { get } from 'node:http';
import { connect } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { Address } from '../model/service.ts';

export type Check = () => Promise<boolean>;

const INTERVAL = 100;
const PATIENCE = 1_000;

/** Asks again and again; `then` is called once, when the answer is yes. The result cancels. */
export function pollUntil(check: Check, clock: Clock, then: () => void): () => void {
  let cancelled = false;
  let cancelWait = (): void => {};
  const ask = async (): Promise<void> => {
    const ready = await check();
    if (cancelled) return;
    if (ready) then();
    else cancelWait = clock.after(INTERVAL, () => void ask());
  };
  void ask();
  return () => {
    cancelled = true;
    cancelWait();
  };
}

const portOpen =
  ({ host, port }: Address): Check =>
  () =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: PATIENCE });
      const answer = (open: boolean): void => {
        socket.destroy();
        resolve(open);
      };
      socket.once('connect', () => answer(true));
      socket.once('timeout', () => answer(false));
      socket.once('error', () => answer(false));
    });

export function allOpen(ports: readonly Address[]): Check {
  const checks = ports.map((address) => portOpen(address));
  return async () => (await Promise.all(checks.map((check) => check()))).every(Boolean);
}

/** `GET /ready` answers 200. */
export const proxyReady =
  ({ host, port }: Address): Check =>
  () =>
    new Promise((resolve) => {
      const request = get({ host, port, path: '/ready', timeout: PATIENCE, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      request.once('timeout', () => request.destroy());
      request.once('error', () => resolve(false));
    });
