// Happy Eyeballs (RFC 8305): an endpoint with several addresses is connected to by whichever answers first. The next address is tried when
// the one before fails, or has not answered for a while.
import { isIP } from 'node:net';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { AddressOrder } from '../config/address-order.ts';
import type { SocketAddress } from '../config/cluster-types.ts';
import type { Connector, ConnectResult, Purpose } from './connector.ts';

/** Milliseconds before the next address is tried beside the one before (Envoy's, within section 5). */
const NEXT = 300;

/** A connector that tries the endpoint's own address and `others`, one after the other. */
export function happyEyeballs(
  inner: Connector,
  others: readonly SocketAddress[],
  order: AddressOrder,
  wheel: TimerWheel,
): Connector {
  return {
    purposeOf: inner.purposeOf,
    connect(address, port, result, purpose = null) {
      const race = new Race(inner, inOrder([{ address, port }, ...others], order), wheel, result, purpose);
      race.next();
      return () => race.giveUp();
    },
  };
}

/** So many of the one family, one of the other, and so on. What is no IP address counts as the other family. */
export function inOrder(addresses: readonly SocketAddress[], { first, count }: AddressOrder): readonly SocketAddress[] {
  const family = first === 'any' ? isIP(addresses[0]?.address ?? '') : first;
  const preferred = addresses.filter(({ address }) => isIP(address) === family);
  const others = addresses.filter(({ address }) => isIP(address) !== family);
  if (preferred.length === 0 || others.length === 0) return addresses;
  const rounds = Math.max(Math.ceil(preferred.length / count), others.length);
  return Array.from({ length: rounds }, (_, i) => [
    ...preferred.slice(i * count, (i + 1) * count),
    ...others.slice(i, i + 1),
  ]).flat();
}

class Race {
  readonly #inner: Connector;
  readonly #addresses: readonly SocketAddress[];
  readonly #wheel: TimerWheel;
  readonly #result: ConnectResult;
  readonly #purpose: Purpose | null;
  readonly #running = new Set<() => void>();
  #at = 0;
  #over = false;
  #cancelTimer: () => void = () => undefined;

  constructor(
    inner: Connector,
    addresses: readonly SocketAddress[],
    wheel: TimerWheel,
    result: ConnectResult,
    purpose: Purpose | null,
  ) {
    this.#inner = inner;
    this.#addresses = addresses;
    this.#wheel = wheel;
    this.#result = result;
    this.#purpose = purpose;
  }

  next(): void {
    this.#cancelTimer();
    const target = this.#addresses[this.#at];
    if (this.#over || target === undefined) return;
    this.#at += 1;
    let ended = false;
    let cancel: () => void = () => undefined;
    const settled: ConnectResult = {
      onConnected: (...connected) => {
        ended = true;
        this.#running.delete(cancel);
        this.#won(connected);
      },
      onFailed: (detail) => {
        ended = true;
        this.#running.delete(cancel);
        this.#lost(detail);
      },
    };
    cancel = this.#inner.connect(target.address, target.port, settled, this.#purpose);
    if (ended) return;
    this.#running.add(cancel);
    if (this.#at < this.#addresses.length) {
      const timer = this.#wheel.set(NEXT, () => this.next());
      this.#cancelTimer = () => this.#wheel.cancel(timer);
    }
  }

  giveUp(): void {
    this.#over = true;
    this.#cancelTimer();
    for (const cancel of this.#running) cancel();
    this.#running.clear();
  }

  #won(connected: Parameters<ConnectResult['onConnected']>): void {
    this.giveUp();
    this.#result.onConnected(...connected);
  }

  #lost(detail: string): void {
    if (this.#over) return;
    if (this.#at < this.#addresses.length) this.next();
    else if (this.#running.size === 0) {
      this.#over = true;
      this.#result.onFailed(detail);
    }
  }
}
