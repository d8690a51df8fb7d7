// The gRPC server of the control plane: ADS (and SDS) streams, and whatever services share its port.
import {
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { SnapshotCache } from './cache.ts';
import { MutualTlsCredentials, type ServerIdentity } from './credentials.ts';
import { delta } from './delta.ts';
import { restricted } from './protocol.ts';
import { bidiStream, type DiscoveryMethod, discoveryServices, serviceOf } from './service.ts';
import { sotw } from './sotw.ts';
import { type Authorize, type StreamContext, serveStream, type XdsLog } from './stream.ts';

export type XdsServerOptions = {
  readonly cache: SnapshotCache;
  /** `127.0.0.1:15010`, port 0 for any; or `unix:/path`. */
  readonly address: string;
  /** `plaintext` is for loopback and Unix sockets only: nobody is asked who they are. */
  readonly security: { readonly kind: 'plaintext' } | { readonly kind: 'mtls'; readonly identity: ServerIdentity };
  readonly authorize: Authorize;
  readonly log: XdsLog;
  /** Services beside xDS, such as the CA's. They do not require a client certificate: they check by themselves. */
  readonly services?: readonly {
    readonly definition: ServiceDefinition;
    readonly handlers: UntypedServiceImplementation;
  }[];
  readonly limits?: Partial<XdsLimits>;
};

type XdsLimits = {
  readonly maxMessageBytes: number;
  readonly maxNames: number;
  readonly maxStreamsPerNode: number;
  /** Milliseconds. */
  readonly identifyTimeout: number;
  /** Milliseconds; then the client is asked to connect again (with its renewed certificate). */
  readonly maxConnectionAge: number;
};

/** Milliseconds; what grpc-js takes for none. */
export const unlimitedAge = 2 ** 31 - 1;

const defaultLimits: XdsLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxNames: 20_000,
  maxStreamsPerNode: 8,
  identifyTimeout: 10_000,
  maxConnectionAge: 30 * 60_000,
};

export class XdsServer {
  readonly #options: XdsServerOptions;
  readonly #server: Server;
  readonly #credentials: ServerCredentials;

  constructor(options: XdsServerOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.#credentials =
      options.security.kind === 'mtls'
        ? new MutualTlsCredentials(options.security.identity)
        : ServerCredentials.createInsecure();
    this.#server = new Server({
      'grpc.max_receive_message_length': limits.maxMessageBytes,
      'grpc.max_concurrent_streams': limits.maxStreamsPerNode + 100,
      'grpc.max_connection_age_ms': limits.maxConnectionAge,
      'grpc.max_connection_age_grace_ms': 10_000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
    });
    this.#addDiscovery({
      ...limits,
      cache: options.cache,
      authorize: options.authorize,
      log: options.log,
      requireCertificate: options.security.kind === 'mtls',
      streams: new Map(),
    });
    for (const { definition, handlers } of options.services ?? []) this.#server.addService(definition, handlers);
  }

  /** The bound port (0 for a Unix socket). @throws when the address cannot be bound. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(this.#options.address, this.#credentials, (error, port) => {
        if (error === null) resolve(port);
        else
          reject(new Error(`xds server cannot listen on ${this.#options.address}: ${error.message}`, { cause: error }));
      });
    });
  }

  /** New connections get the new certificate; open ones go on. */
  renew(identity: ServerIdentity): void {
    if (this.#credentials instanceof MutualTlsCredentials) this.#credentials.renew(identity);
  }

  /** Ends every stream; clients try to connect again. */
  close(): void {
    this.#server.forceShutdown();
  }

  #addDiscovery(context: StreamContext): void {
    const methods: DiscoveryMethod[] = Object.values(discoveryServices).flatMap((service) => Object.values(service));
    const handlers = methods.map(({ path, protocol, only }) => {
      const handle: handleBidiStreamingCall<Uint8Array, Uint8Array> = (call) =>
        protocol === 'sotw'
          ? serveStream(call, restricted(sotw, only), context)
          : serveStream(call, restricted(delta, only), context);
      return [path, handle] as const;
    });
    this.#server.addService(serviceOf(methods.map(({ path }) => bidiStream(path))), Object.fromEntries(handlers));
  }
}
