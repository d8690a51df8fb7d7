// One direction of a proxied connection: bytes, the end, and how far one side may run ahead of the other.
//
//   flowing ──not all written──► stopped ──written──► flowing
//      └──────end of the source──► ended (the target is told once all is written)
//
// A plain source reads into one buffer, so what waits is at most that buffer; a TLS source hands over what it decrypted, and is stopped at LIMIT.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { withLargeReads } from '../socket/large-reads.ts';

export type PumpOwner = {
  onBytes(length: number): void;
  onStopped(): void;
  onFlowing(): void;
  /** An exception while passing bytes on. */
  onBug(error: unknown): void;
};

/** Bytes of a TLS source that may wait for the target. */
const LIMIT = 65_536;

export class Pump {
  readonly source: Socket;
  readonly #owner: PumpOwner;
  readonly #large: boolean;
  #target: Socket | null = null;
  /** Read before the pump was there, by who looked at the first bytes. */
  #first: Buffer | null = null;
  #stopped = false;
  readonly #written = () => this.#onWritten();

  /** `given` is paused; the pump's `source` takes its place. Nothing is read before `start`. */
  constructor(given: Socket, owner: PumpOwner, limit: number) {
    this.#owner = owner;
    const large = given instanceof TLSSocket ? null : this.#withLargeReads(given, limit);
    this.#large = large !== null;
    this.source = large ?? given;
    this.source.allowHalfOpen = true;
  }

  start(target: Socket): void {
    this.#target = target;
    const { source } = this;
    if (!this.#large) {
      source.on('data', (bytes: Buffer) => {
        if (!this.#write(bytes, LIMIT)) source.pause();
      });
    }
    source.once('end', () => target.end());
    const first = this.#first;
    this.#first = null;
    if (first === null || this.#write(first, 0)) source.resume();
  }

  #withLargeReads(given: Socket, limit: number): Socket | null {
    if (given.readableLength > 0) this.#first = given.read() as Buffer;
    return withLargeReads(given, { onBytes: (bytes) => this.#write(bytes, 0) }, limit);
  }

  /** false when more than `allowed` bytes wait, which stops the source. The boundary of exceptions. */
  #write(bytes: Buffer, allowed: number): boolean {
    try {
      return this.#pass(bytes, allowed);
    } catch (error) {
      this.#owner.onBug(error);
      return true;
    }
  }

  #pass(bytes: Buffer, allowed: number): boolean {
    const target = this.#target;
    if (target === null || target.destroyed || target.writableEnded) return true;
    this.#owner.onBytes(bytes.length);
    target.write(bytes, this.#written);
    if (target.writableLength <= allowed) return true;
    this.#stopped = true;
    this.#owner.onStopped();
    return false;
  }

  #onWritten(): void {
    if (!this.#stopped || this.#target === null || this.#target.writableLength > 0) return;
    this.#stopped = false;
    this.#owner.onFlowing();
    this.source.resume();
  }
}
