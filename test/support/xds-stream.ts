// xDS streams over `@grpc/grpc-js`, for tests of servers: a client that nobody here wrote.
import * as grpc from '@grpc/grpc-js';
import { type Channel, plaintextChannel } from '../../src/xds/channel.ts';
import type { OpenXdsStream } from '../../src/xds/client.ts';
import { bidiStream } from '../../src/xds/service.ts';

/** `target` as gRPC names it: `127.0.0.1:15010`, `unix:/path`. Every stream gets a connection of its own. */
export function grpcStreams(target: string, { credentials, options }: Channel = plaintextChannel): OpenXdsStream {
  return (path, handler) => {
    const client = new grpc.Client(target, credentials(grpc), { 'grpc.use_local_subchannel_pool': 1, ...options });
    const { requestSerialize, responseDeserialize } = bidiStream(path);
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    let over = false;
    const close = (reason: string | null) => {
      if (over) return;
      over = true;
      client.close();
      if (reason !== null) handler.onClosed(reason);
    };
    call.on('data', (bytes: Uint8Array) => handler.onMessage(bytes));
    call.on('error', (error: Error) => close(error.message));
    call.on('end', () => close('the server ended the stream'));
    return {
      send: (bytes) => void call.write(bytes),
      cancel() {
        close(null);
        call.cancel();
      },
    };
  };
}
