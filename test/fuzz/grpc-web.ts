// gRPC-Web as text: whatever the pieces it comes in, the upstream gets the bytes that the base64 stands for, or the request is refused.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { FilterOutlet, FilterStream } from '../../src/proxy/filter/filter.ts';
import { grpcWeb as kind } from '../../src/proxy/filter/grpc-web.ts';
import { testExchange } from '../../src/proxy/testing/exchange.ts';
import { testScope } from '../../src/proxy/testing/scope.ts';
import { GrpcWebSchema } from '../../src/xds/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import type { Target } from './target.ts';

const filter = kind.chain.compile(anyPack(GrpcWebSchema, create(GrpcWebSchema)), 'web', '')!;
const scope = testScope();

export const grpcWeb: Target = {
  name: 'grpc-web',
  run(input) {
    const whole = decode(input, input.length || 1);
    const split = decode(input, 1 + ((input[0] ?? 0) % 7));
    // What was passed on before a fault was seen depends on the pieces.
    if (whole === null || split === null) {
      if (whole !== split) throw new Error('it matters how the bytes were split');
      return;
    }
    if (!whole.equals(split)) throw new Error('it matters how the bytes were split');
    if (whole.length > input.length) throw new Error('more came out than went in');
  },
};

/** null: refused. */
function decode(input: Buffer, piece: number): Buffer | null {
  const parts: Buffer[] = [];
  let refused = false;
  const outlet: FilterOutlet = {
    proceed: () => undefined,
    write: (chunk) => void parts.push(chunk),
    finish: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  };
  const stream: FilterStream = {
    request: outlet,
    response: outlet,
    answer: () => {
      refused = true;
    },
    reroute: () => undefined,
    run: (work) => work(),
  };
  const exchange = testExchange({ path: '/a.B/C', headers: ['content-type', 'application/grpc-web-text'] });
  const { request } = filter.open!(exchange, scope, stream)!;
  request!.head!(exchange.request, false);
  for (let at = 0; at < input.length && !refused; at += piece) request!.data!(input.subarray(at, at + piece));
  if (!refused) request!.end!(null);
  return refused ? null : Buffer.concat(parts);
}
