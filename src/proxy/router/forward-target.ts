// Where a forwarding takes its request from and brings what comes back: the downstream half of the exchange.
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { InternalRedirect } from '../route/internal-redirect.ts';
import type { RequestBody } from './request-body.ts';

export type ForwardTarget = {
  readonly exchange: Exchange;
  readonly body: RequestBody;
  onInterim(head: ResponseHead): void;
  onUpstreamResponse(head: ResponseHead, last: boolean): void;
  onUpstreamData(chunk: Buffer): void;
  onUpstreamEnd(trailers: HeaderMap | null): void;
  onUpstreamReadDone(): void;
  /** Nothing was sent downstream yet: answer this. */
  answer(reply: LocalReply): void;
  /** The response has begun and cannot be completed. */
  breakOff(flags: number, details: string): void;
  /** null: the redirect is passed on to the client. Otherwise what follows it, once everything here has ended. */
  followRedirect(head: ResponseHead, policy: InternalRedirect): (() => void) | null;
  /** The request's body may flow again. */
  onUpstreamDrain(): void;
  onBug(error: unknown): void;
  guard(work: () => void): void;
};
