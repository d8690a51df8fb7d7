// A request or a response on its way past the processor:
//
//   none, buffered, partial   head ─► asked ─► (held body ─► asked) ─► head and body go on ─► (trailers asked) ─► end
//   streamed                  head ─► asked ─► goes on; each piece ─► asked, queued ─► what the answer makes of it goes on ─► (trailers asked) ─► end
//   duplex                    head ─► asked ─► goes on; pieces and trailers ─► told; pieces and trailers that come back go on
import { unreachable } from '../../../lib/unreachable.ts';
import {
  type CommonResponse,
  CommonResponse_ResponseStatus as Status,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { kept } from '../../socket/reused-reads.ts';
import type { FilterOutlet, FilterStage, HeadOutcome } from '../filter.ts';
import { BUFFER_LIMIT, requestTooLarge, responseTooLarge } from '../held-body.ts';
import { type Answer, changedBody, commonOf, ofDuplex, type Phase, phaseOf, type Side } from './answers.ts';
import { bodyMessage, headMessage, trailersMessage } from './messages.ts';
import { type BodyWay, type DirectionMode, isHeld, losesLength } from './mode.ts';
import { mutate } from './mutation.ts';
import { Passage } from './passage.ts';
import { Pieces } from './pieces.ts';
import { Question } from './question.ts';
import type { ProcessingInit, Session } from './session.ts';

const EMPTY: Buffer = Buffer.alloc(0);

export class Direction<Head extends RequestHead | ResponseHead> implements FilterStage<Head> {
  readonly #side: Side;
  readonly #session: Session;
  readonly #outlet: FilterOutlet;
  readonly #pieces: Pieces;
  readonly #question: Question;
  readonly #passage: Passage;
  #head: Head | null = null;
  #last = false;
  /** The server's body stands for the message's, of which nothing goes on. */
  #replaced = false;
  /** The server has seen as much of the body as it gets: what follows passes. */
  #seen = false;
  #told = false;
  #ended: { readonly trailers: HeaderMap | null } | null = null;

  constructor(side: Side, session: Session, outlet: FilterOutlet) {
    this.#side = side;
    this.#session = session;
    this.#outlet = outlet;
    this.#passage = new Passage(outlet);
    this.#pieces = new Pieces(outlet);
    this.#question = new Question(session);
  }

  head(head: Head, last: boolean): HeadOutcome {
    const { over, config } = this.#session;
    this.#head = head;
    this.#last = last;
    if (over) return undefined;
    if (losesLength(this.#mode) && !config.observes && !config.keepsLength) head.headers.remove('content-length');
    if (this.#mode.head) {
      const message = headMessage(this.#side, head, last, config.shows);
      if (config.observes) {
        this.#session.tell(message);
        return undefined;
      }
      this.#ask('head', message);
      return this.#passage.wait();
    }
    if (last || config.observes || !isHeld(this.#mode.body)) return undefined;
    return this.#passage.wait();
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
        if (this.#passage.gone) this.#outlet.write(chunk);
        else this.#hold(chunk);
        return;
      case 'buffered':
        if (!this.#passage.hold(chunk, false))
          this.#session.answer(this.#side === 'request' ? requestTooLarge : responseTooLarge);
        return;
      case 'partial':
        this.#hold(chunk);
        if (this.#question.asked === null && this.#passage.size >= BUFFER_LIMIT) this.#askForBody();
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
    else if (this.#passage.gone) this.#endBody();
    else if (this.#question.asked === null) this.#askForBody();
  }

  /** Whether an answer is awaited without which nothing goes on. */
  get waits(): boolean {
    return this.#question.asked !== null || !this.#pieces.empty;
  }

  /** null: it has not come yet. */
  get message(): Head | null {
    return this.#head;
  }

  get atHead(): boolean {
    return this.#question.asked === 'head';
  }

  /** Whether this is the answer to what was asked. */
  expects(answer: Answer): boolean {
    const { side, phase } = phaseOf(answer.case);
    if (side !== this.#side || this.#passage.finished) return false;
    if (phase !== 'body') return phase === this.#question.asked;
    if (ofDuplex(answer)) return this.#way === 'duplex' && this.#question.asked !== 'head';
    return this.#question.asked === 'body' || (this.#question.asked !== 'head' && !this.#pieces.empty);
  }

  hear(answer: Answer): void {
    const { phase } = phaseOf(answer.case);
    const wasAsked = phase === this.#question.asked;
    if (wasAsked) this.#question.settle();
    this.stopWaiting();
    if (phase === 'trailers') this.#heardTrailers(answer);
    else if (phase === 'head') this.#heardHead(commonOf(answer));
    else if (wasAsked) this.#heardBody(commonOf(answer));
    else if (!this.#pieces.empty) this.#heardPiece(commonOf(answer));
    else this.#heardDuplex(commonOf(answer));
    if (this.waits && !this.#question.waiting) this.#wait();
  }

  /** The server asks for more time. false: nothing is awaited. */
  extend(timeout: number): boolean {
    if (!this.#question.waiting) return false;
    this.#wait(timeout);
    return true;
  }

  stopWaiting(): void {
    this.#question.stopWaiting();
  }

  /** The server has got some of the body that nobody else has. */
  get lost(): boolean {
    return this.#told && !this.#passage.finished;
  }

  /** The server is left out from here on. */
  pass(): void {
    this.stopWaiting();
    if (this.#head === null || this.#passage.finished) return;
    const asked = this.#question.settle();
    if (!this.#passage.gone) {
      this.#goOn();
      return;
    }
    const streamed = !this.#pieces.empty;
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift())
      this.#outlet.write(piece.bytes);
    if (this.#ended !== null && (streamed || asked === 'trailers')) this.#passage.finish(this.#ended.trailers);
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
    return this.#passage.gone || this.#session.config.eager;
  }

  #hold(chunk: Buffer): void {
    this.#passage.hold(chunk, this.#question.asked !== null);
  }

  #heardHead(common: CommonResponse | undefined): void {
    if (!this.#mutate(common)) return;
    if (common?.status === Status.CONTINUE_AND_REPLACE) {
      this.#replace(common);
      return;
    }
    const way = this.#last ? 'none' : this.#way;
    const full = way === 'partial' && this.#passage.size >= BUFFER_LIMIT;
    if (way === 'none') this.#goOn();
    else if (way === 'duplex') this.#passage.proceed();
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
    this.#passage.write(bytes);
    if (this.#ended === null || !this.#pieces.empty) return;
    if (piece.last) this.#passage.finish(null);
    else if (this.#ended.trailers !== null) this.#endBody();
  }

  #heardDuplex(common: CommonResponse | undefined): void {
    const mutation = common?.bodyMutation?.mutation;
    if (mutation?.case !== 'streamedResponse') return;
    const { body, endOfStream } = mutation.value;
    this.#passage.write(Buffer.from(body));
    if (!endOfStream) return;
    this.#question.settle();
    this.#passage.finish(null);
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
    this.#passage.finish(trailers);
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
    this.#passage.replace(body);
    if (this.#replaced) this.#passage.take();
    const trailers = this.#replaced ? null : this.#ended?.trailers;
    const known = this.#replaced || this.#mode.body === 'buffered';
    if (known && trailers === null && body.length === 0) this.#passage.proceed(true);
    else if (this.#replaced) {
      this.#passage.release(false);
      this.#passage.finish(null);
    } else this.#goOn(false);
  }

  #goOn(last?: boolean): void {
    this.#passage.release(last);
    if (this.#ended !== null) this.#endBody();
  }

  /** All of the body has gone on. */
  #endBody(): void {
    const trailers = this.#ended?.trailers ?? null;
    if (trailers === null || !this.#mode.trailers || this.#session.over) this.#passage.finish(trailers);
    else this.#ask('trailers', trailersMessage(this.#side, trailers, this.#session.config.shows));
  }

  #askForBody(): void {
    const onlyTrailers = this.#passage.size === 0 && this.#ended !== null && this.#ended.trailers !== null;
    if (this.#way === 'none' || onlyTrailers) {
      this.#goOn();
      return;
    }
    this.#seen = true;
    if (this.#ended === null) this.#outlet.pause();
    this.#ask('body', bodyMessage(this.#side, this.#passage.show(), this.#ended?.trailers === null));
  }

  /** The head goes on, and what has come behind it is the first piece. */
  #startPieces(): void {
    this.#passage.proceed();
    const bytes = this.#passage.take();
    if (bytes.length > 0) this.#askForPiece(bytes, false);
    else if (this.#ended !== null && this.#pieces.empty) this.#endBody();
  }

  #askForPiece(bytes: Buffer, last: boolean): void {
    this.#pieces.push(bytes, last);
    this.#session.tell(bodyMessage(this.#side, bytes, last));
    this.#wait();
  }

  /** Trailers wait until the pieces before them are answered. */
  #endPieces(): void {
    if (this.#ended?.trailers === null) this.#askForPiece(EMPTY, true);
    else if (this.#pieces.empty && this.#passage.gone) this.#endBody();
  }

  #tellEnd(trailers: HeaderMap | null): void {
    this.#told = true;
    if (trailers === null) {
      this.#session.tell(bodyMessage(this.#side, EMPTY, true));
      return;
    }
    this.#session.tell(trailersMessage(this.#side, trailers, this.#session.config.shows));
    this.#question.expect('trailers');
  }

  #observeEnd(trailers: HeaderMap | null): void {
    const { config } = this.#session;
    if (this.#way === 'streamed' && trailers === null) this.#session.tell(bodyMessage(this.#side, EMPTY, true));
    if (this.#mode.trailers && trailers !== null)
      this.#session.tell(trailersMessage(this.#side, trailers, config.shows));
    this.#outlet.finish(trailers);
  }

  #ask(phase: Phase, message: ProcessingInit): void {
    this.#question.ask(phase, message, this.#patient);
  }

  #wait(timeout?: number): void {
    if (this.#patient) this.stopWaiting();
    else this.#question.wait(timeout);
  }

  /** A server with a stream of its own takes the time it wants. */
  get #patient(): boolean {
    return this.#mode.body === 'duplex';
  }
}
