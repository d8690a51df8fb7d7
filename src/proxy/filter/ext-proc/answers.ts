// What a processor says, taken apart.
import type {
  CommonResponse,
  ProcessingResponse,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';

export type Side = 'request' | 'response';
export type Phase = 'head' | 'body' | 'trailers';
export type Answer = ProcessingResponse['response'];

type Place = { readonly side: Side | null; readonly phase: Phase | null };

/** Nulls: it answers no part of an exchange. */
export function phaseOf(kind: Answer['case']): Place {
  switch (kind) {
    case 'requestHeaders':
      return { side: 'request', phase: 'head' };
    case 'requestBody':
      return { side: 'request', phase: 'body' };
    case 'requestTrailers':
      return { side: 'request', phase: 'trailers' };
    case 'responseHeaders':
      return { side: 'response', phase: 'head' };
    case 'responseBody':
      return { side: 'response', phase: 'body' };
    case 'responseTrailers':
      return { side: 'response', phase: 'trailers' };
    default:
      return { side: null, phase: null };
  }
}

export function commonOf(answer: Answer): CommonResponse | undefined {
  switch (answer.case) {
    case 'requestHeaders':
    case 'responseHeaders':
    case 'requestBody':
    case 'responseBody':
      return answer.value.response;
    default:
      return undefined;
  }
}

/** null: the body stays as it is. */
export function changedBody(common: CommonResponse | undefined): Buffer | null {
  const mutation = common?.bodyMutation?.mutation;
  if (mutation?.case === 'body') return Buffer.from(mutation.value);
  return mutation?.case === 'clearBody' && mutation.value ? Buffer.alloc(0) : null;
}

/** A piece of a stream of the server's own, which stands for none that it was sent. */
export function ofDuplex(answer: Answer): boolean {
  return commonOf(answer)?.bodyMutation?.mutation.case === 'streamedResponse';
}
