// A filter that is asked about heads as one that is opened: what chooses filters and nests them knows one kind only.
import type { Exchange } from '../../http/exchange.ts';
import type { FilterScope, FilterStream, HeadOutcome, HttpFilter, LocalReply, StreamFilter } from '../filter.ts';

export function openFilter(
  filter: HttpFilter,
  exchange: Exchange,
  scope: FilterScope,
  stream: FilterStream,
): StreamFilter | null {
  if (filter.open !== undefined) return filter.open(exchange, scope, stream);
  return {
    request: {
      head() {
        const outcome = filter.request?.(exchange, scope);
        return outcome instanceof Promise ? wait(outcome, stream) : outcome;
      },
    },
    response: {
      head(head) {
        filter.response?.(exchange, head, scope);
        return undefined;
      },
    },
  };
}

function wait(outcome: Promise<LocalReply | undefined>, stream: FilterStream): HeadOutcome {
  outcome.then(
    (reply) =>
      stream.run(() => {
        if (reply === undefined) stream.request.proceed();
        else stream.answer(reply);
      }),
    (error: unknown) =>
      stream.run(() => {
        throw error;
      }),
  );
  return 'hold';
}
