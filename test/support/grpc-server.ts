// A gRPC server for tests, with handlers typed by generated services.
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedHandleCall,
} from '@grpc/grpc-js';

export type GrpcRoute = { readonly method: DescMethod; readonly handler: UntypedHandleCall };

/** Throws (or returns a promise that never settles) to fail (or hang). */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>, metadata: Record<string, unknown>) => MessageShape<O> | Promise<MessageShape<O>>,
): GrpcRoute {
  const handler: handleUnaryCall<Buffer, Buffer> = (call, done) => {
    Promise.resolve()
      .then(() => answer(fromBinary(method.input, call.request), call.metadata.getMap()))
      .then(
        (message) => done(null, Buffer.from(toBinary(method.output, message))),
        (error: unknown) => done(error as Error),
      );
  };
  return { method, handler };
}

export function stream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O>,
  serve: (
    message: MessageShape<I>,
    send: (message: MessageShape<O>) => void,
    call: ServerDuplexStream<Buffer, Buffer>,
  ) => void,
): GrpcRoute {
  const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on('data', (bytes: Buffer) =>
      serve(
        fromBinary(method.input, bytes),
        (message) => call.write(Buffer.from(toBinary(method.output, message))),
        call,
      ),
    );
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  };
  return { method, handler };
}

/** Takes a stream of messages, which it answers at its end. */
export function sink<I extends DescMessage, O extends DescMessage>(
  method: DescMethodClientStreaming<I, O>,
  take: (message: MessageShape<I>) => void,
): GrpcRoute {
  const handler: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    call.on('data', (bytes: Buffer) => take(fromBinary(method.input, bytes)));
    call.on('end', () => done(null, Buffer.from(toBinary(method.output, create(method.output)))));
    call.on('error', () => undefined);
  };
  return { method, handler };
}

/** Listens on 127.0.0.1; the result has its port. */
export async function startGrpcServer(routes: readonly GrpcRoute[]): Promise<{ port: number; stop(): void }> {
  const server = new Server();
  for (const { method, handler } of routes) {
    const requestStream = method.methodKind !== 'unary';
    const responseStream = method.methodKind === 'bidi_streaming';
    const pass = (bytes: Buffer) => bytes;
    const definition: ServiceDefinition = {
      [method.name]: {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream,
        responseStream,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    };
    server.addService(definition, { [method.name]: handler });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

/** A cluster for it, as YAML for a list of clusters. */
export function grpcCluster(name: string, port: number): string {
  return `
- name: ${name}
  type: STATIC
  connect_timeout: 1s
  load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }] }
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http2_protocol_options: {} }
`;
}
