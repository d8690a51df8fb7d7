// A request or a response on its way past the processor:
//
//   none, buffered, partial   head ─► asked ─► (held body ─► asked) ─► head and body go on ─► (trailers asked) ─► end
//   streamed                  head ─► asked ─► goes on; each piece ─► asked, queued ─► what the answer makes of it goes on ─► (trailers asked) ─► end
//   duplex                    head ─► asked ─► goes on; pieces and trailers ─► told; pieces and trailers that come back go on
import type { Timer } from '../../../lib/timer-wheel.ts';
import { unreachable } from '../../../lib/unreachable.ts';
import {
  type CommonResponse,
  CommonResponse_ResponseStatus as Status,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { kept } from '../../socket/reused-reads.ts';
import type { FilterOutlet, FilterStage, HeadOutcome } from '../filter.ts';
import { BUFFER_LIMIT, HeldBody, requestTooLarge, responseTooLarge } from '../held-body.ts';
import { type Answer, changedBody, commonOf, ofDuplex, type Phase, phaseOf, type Side } from './answers.ts';
import { bodyMessage, headMessage, trailersMessage } from './messages.ts';
import { type BodyWay, type DirectionMode, isHeld, losesLength } from './mode.ts';
import { mutate } from './mutation.ts';
import { Pieces } from './pieces.ts';
import type { ProcessingInit, Session } from './session.ts';

/** Bytes held in front of a waiting head at which the source is stopped. */
const HIGH = 65_536;
const EMPTY: Buffer = Buffer.alloc(0);

export class Direction<Head extends RequestHead | ResponseHead> implements FilterStage<Head> {
  readonly #side: Side;
  readonly #session: Session;
  readonly #outlet: FilterOutlet;
  readonly #pieces: Pieces;
  /** What has come while the head waits, beyond what the server is being shown. */
  readonly #held = new HeldBody(BUFFER_LIMIT);
  #shown = EMPTY;
  #head: Head | null = null;
  #last = false;
  /** The head has gone on. */
  #gone = false;
  /** The server's body stands for the message's, of which nothing goes on. */
  #replaced = false;
  /** The server has seen as much of the body as it gets: what follows passes. */
  #seen = false;
  #finished = false;
  #told = false;
  #asked: Phase | null = null;
  #ended: { readonly trailers: HeaderMap | null } | null = null;
  #timer: Timer | null = null;

  constructor(side: Side, session: Session, outlet: FilterOutlet) {
    this.#side = side;
    this.#session = session;
    this.#outlet = outlet;
    this.#pieces = new Pieces(outlet);
  }

  head(head: Head, last: boolean): HeadOutcome {
    const { over, config } = this.#session;
    this.#head = head;
    this.#last = last;
    this.#gone = true;
    if (over) return undefined;
    if (losesLength(this.#mode) && !config.observes && !config.keepsLength) head.headers.remove('content-length');
    if (this.#mode.head) {
      const message = headMessage(this.#side, head, last, config.shows);
      if (config.observes) {
        this.#session.tell(message);
        return undefined;
      }
      this.#gone = false;
      this.#ask('head', message);
      return 'collect';
    }
    if (last || config.observes || !isHeld(this.#mode.body)) return undefined;
    this.#gone = false;
    return 'collect';
  }

  data(chunk: Buffer): void {
    if (this.#replaced) return;
    if (this.#session.config.observes) {
      if (this.#way === 'streamed') this.#session.tell(bodyMessage(this.#side, chunk, false));
      this.#outlet.write(chunk);
      return;
    }
    switch (this.#way) {
      case 'none':
        if (this.#gone) this.#outlet.write(chunk);
        else this.#hold(chunk);
        return;
      case 'buffered':
        if (!this.#held.push(chunk))
          this.#session.answer(this.#side === 'request' ? requestTooLarge : responseTooLarge);
        return;
      case 'partial':
        this.#hold(chunk);
        if (this.#asked === null && this.#held.size >= BUFFER_LIMIT) this.#askForBody();
        return;
      case 'streamed':
        if (this.#streams) this.#askForPiece(kept(chunk), false);
        else this.#hold(chunk);
        return;
      case 'duplex':
        this.#told = true;
        this.#session.tell(bodyMessage(this.#side, chunk, false));
        return;
      default:
        unreachable(this.#way);
    }
  }

  end(trailers: HeaderMap | null): void {
    this.#ended = { trailers };
    if (this.#replaced) return;
    const way = this.#way;
    if (this.#session.config.observes) this.#observeEnd(trailers);
    else if (way === 'duplex') this.#tellEnd(trailers);
    else if (way === 'streamed' && this.#streams) this.#endPieces();
    else if (this.#gone) this.#endBody();
    else if (this.#asked === null) this.#askForBody();
  }

  /** Whether an answer is awaited without which nothing goes on. */
  get waits(): boolean {
    return this.#asked !== null || !this.#pieces.empty;
  }

  /** null: it has not come yet. */
  get message(): Head | null {
    return this.#head;
  }

  get atHead(): boolean {
    return this.#asked === 'head';
  }

  /** Whether this is the answer to what was asked. */
  expects(answer: Answer): boolean {
    const { side, phase } = phaseOf(answer.case);
    if (side !== this.#side || this.#finished) return false;
    if (phase !== 'body') return phase === this.#asked;
    if (ofDuplex(answer)) return this.#way === 'duplex' && this.#asked !== 'head';
    return this.#asked === 'body' || (this.#asked !== 'head' && !this.#pieces.empty);
  }

  hear(answer: Answer): void {
    const { phase } = phaseOf(answer.case);
    const wasAsked = phase === this.#asked;
    if (wasAsked) this.#asked = null;
    this.stopWaiting();
    if (phase === 'trailers') this.#heardTrailers(answer);
    else if (phase === 'head') this.#heardHead(commonOf(answer));
    else if (wasAsked) this.#heardBody(commonOf(answer));
    else if (!this.#pieces.empty) this.#heardPiece(commonOf(answer));
    else this.#heardDuplex(commonOf(answer));
    if (this.waits && this.#timer === null) this.#wait(this.#session.config.timeout);
  }

  /** The server asks for more time. false: nothing is awaited. */
  extend(timeout: number): boolean {
    if (this.#timer === null) return false;
    this.#wait(timeout);
    return true;
  }

  stopWaiting(): void {
    this.#session.cancel(this.#timer);
    this.#timer = null;
  }

  /** The server has got some of the body that nobody else has. */
  get lost(): boolean {
    return this.#told && !this.#finished;
  }

  /** The server is left out from here on. */
  pass(): void {
    this.stopWaiting();
    if (this.#head === null || this.#finished) return;
    const asked = this.#asked;
    this.#asked = null;
    if (!this.#gone) {
      this.#goOn();
      return;
    }
    const streamed = !this.#pieces.empty;
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift())
      this.#outlet.write(piece.bytes);
    if (this.#ended !== null && (streamed || asked === 'trailers')) this.#finish(this.#ended.trailers);
  }

  get #mode(): DirectionMode {
    return this.#session.mode[this.#side];
  }

  /** What is done with the body from here on. */
  get #way(): BodyWay {
    return this.#session.over || this.#seen ? 'none' : this.#mode.body;
  }

  /** Pieces are sent as they come. */
  get #streams(): boolean {
    return this.#gone || this.#session.config.eager;
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    if (this.#held.size >= HIGH && this.#asked !== null) this.#outlet.pause();
  }

  #heardHead(common: CommonResponse | undefined): void {
    if (!this.#mutate(common)) return;
    if (common?.status === Status.CONTINUE_AND_REPLACE) {
      this.#replace(common);
      return;
    }
    const way = this.#last ? 'none' : this.#way;
    const full = way === 'partial' && this.#held.size >= BUFFER_LIMIT;
    if (way === 'none') this.#goOn();
    else if (way === 'duplex') this.#proceed();
    // A body that is complete is sent as a whole, however it was to be sent.
    else if (full || (this.#ended !== null && !this.#session.config.eager)) this.#askForBody();
    else if (way === 'streamed') this.#startPieces();
    else this.#outlet.resume();
  }

  #heardBody(common: CommonResponse | undefined): void {
    if (!this.#mutate(common)) return;
    const changed = changedBody(common);
    if (changed === null) this.#goOn();
    else this.#change(changed);
  }

  #heardPiece(common: CommonResponse | undefined): void {
    const piece = this.#pieces.shift();
    if (piece === undefined) return;
    const bytes = changedBody(common) ?? piece.bytes;
    if (bytes.length > 0) this.#outlet.write(bytes);
    if (this.#ended === null || !this.#pieces.empty) return;
    if (piece.last) this.#finish(null);
    else if (this.#ended.trailers !== null) this.#endBody();
  }

  #heardDuplex(common: CommonResponse | undefined): void {
    const mutation = common?.bodyMutation?.mutation;
    if (mutation?.case !== 'streamedResponse') return;
    const { body, endOfStream } = mutation.value;
    if (body.length > 0) this.#outlet.write(Buffer.from(body));
    if (!endOfStream) return;
    this.#asked = null;
    this.#finish(null);
  }

  #heardTrailers(answer: Answer): void {
    const trailers = this.#ended?.trailers ?? null;
    if (trailers !== null && (answer.case === 'requestTrailers' || answer.case === 'responseTrailers')) {
      const { rejected } = mutate(
        { status: 0, headers: trailers },
        answer.value.headerMutation,
        this.#session.config.rules,
      );
      this.#session.stats.rejected_header_mutations += rejected;
    }
    this.#finish(trailers);
  }

  /** A head that the server was not shown it cannot change. false: the exchange is over, or the server left out. */
  #mutate(common: CommonResponse | undefined): boolean {
    const { config, stats } = this.#session;
    const mutation = this.#mode.head ? common?.headerMutation : undefined;
    const { accepted, rejected } = mutate(this.#head!, mutation, config.rules);
    stats.rejected_header_mutations += rejected;
    if (!accepted) {
      this.#session.broken('ext_proc_error_invalid_mutation');
      return false;
    }
    if (this.#side === 'request' && common !== undefined) this.#session.reroute(common);
    return true;
  }

  /** A server that changes a body has to see to the length that was announced. */
  #change(body: Buffer): void {
    const announced = this.#head!.headers.get('content-length');
    if (announced === undefined || Number(announced) === body.length) this.#goOnWith(body);
    else this.#session.broken('mismatch_between_content_length_and_the_length_of_the_mutated_body');
  }

  #replace(common: CommonResponse): void {
    this.#replaced = true;
    this.#head!.headers.remove('content-length');
    this.#goOnWith(changedBody(common) ?? EMPTY);
  }

  /** `body` is in the place of what the server was shown; more may follow where that was a part. */
  #goOnWith(body: Buffer): void {
    this.#shown = body;
    if (this.#replaced) this.#held.moveTo(() => undefined);
    const trailers = this.#replaced ? null : this.#ended?.trailers;
    const known = this.#replaced || this.#mode.body === 'buffered';
    const empty = known && trailers === null && body.length === 0;
    if (empty) this.#proceed(true);
    else if (this.#replaced) {
      this.#proceed(false);
      this.#outlet.write(body);
      this.#finish(null);
    } else this.#goOn(false);
  }

  #goOn(last?: boolean): void {
    this.#proceed(last);
    if (this.#shown.length > 0) this.#outlet.write(this.#shown);
    this.#held.moveTo((chunk) => this.#outlet.write(chunk));
    if (this.#ended !== null) this.#endBody();
  }

  #proceed(last?: boolean): void {
    this.#gone = true;
    this.#outlet.resume();
    this.#outlet.proceed(last);
  }

  /** All of the body has gone on. */
  #endBody(): void {
    const trailers = this.#ended?.trailers ?? null;
    if (trailers === null || !this.#mode.trailers || this.#session.over) this.#finish(trailers);
    else this.#ask('trailers', trailersMessage(this.#side, trailers, this.#session.config.shows));
  }

  #finish(trailers: HeaderMap | null): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#outlet.finish(trailers);
  }

  #askForBody(): void {
    const onlyTrailers = this.#held.size === 0 && this.#ended !== null && this.#ended.trailers !== null;
    if (this.#way === 'none' || onlyTrailers) {
      this.#goOn();
      return;
    }
    this.#shown = this.#held.whole();
    this.#held.moveTo(() => undefined);
    this.#seen = true;
    if (this.#ended === null) this.#outlet.pause();
    this.#ask('body', bodyMessage(this.#side, this.#shown, this.#ended?.trailers === null));
  }

  /** The head goes on, and what has come behind it is the first piece. */
  #startPieces(): void {
    this.#proceed();
    const bytes = this.#held.whole();
    this.#held.moveTo(() => undefined);
    if (bytes.length > 0) this.#askForPiece(bytes, false);
    else if (this.#ended !== null && this.#pieces.empty) this.#endBody();
  }

  #askForPiece(bytes: Buffer, last: boolean): void {
    this.#pieces.push(bytes, last);
    this.#session.tell(bodyMessage(this.#side, bytes, last));
    this.#wait(this.#session.config.timeout);
  }

  /** Trailers wait until the pieces before them are answered. */
  #endPieces(): void {
    if (this.#ended?.trailers === null) this.#askForPiece(EMPTY, true);
    else if (this.#pieces.empty && this.#gone) this.#endBody();
  }

  #tellEnd(trailers: HeaderMap | null): void {
    this.#told = true;
    if (trailers === null) {
      this.#session.tell(bodyMessage(this.#side, EMPTY, true));
      return;
    }
    this.#session.tell(trailersMessage(this.#side, trailers, this.#session.config.shows));
    if (this.#asked === null) this.#asked = 'trailers';
  }

  #observeEnd(trailers: HeaderMap | null): void {
    const { config } = this.#session;
    if (this.#way === 'streamed' && trailers === null) this.#session.tell(bodyMessage(this.#side, EMPTY, true));
    if (this.#mode.trailers && trailers !== null)
      this.#session.tell(trailersMessage(this.#side, trailers, config.shows));
    this.#outlet.finish(trailers);
  }

  #ask(phase: Phase, message: ProcessingInit): void {
    this.#asked = phase;
    this.#session.tell(message);
    this.#wait(this.#session.config.timeout);
  }

  /** A server with a stream of its own takes the time it wants. */
  #wait(timeout: number): void {
    this.stopWaiting();
    if (this.#mode.body !== 'duplex') this.#timer = this.#session.timer(timeout);
  }
}
