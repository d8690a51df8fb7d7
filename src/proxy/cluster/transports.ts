// The transports of a cluster and which of them an endpoint gets: `transport_socket_matches` in order, then `transport_socket`.

import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { AddressOrder } from '../config/address-order.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import type { ClusterConfig, TransportChoice } from '../config/types.ts';
import { type SocketOption, setSocketOptions } from '../system/sockets.ts';
import type { ClusterServices } from './cluster-services.ts';
import { ANYBODY, bareConnectorOn, type Connector, plainConnectorOn } from './connector.ts';
import { happyEyeballs } from './happy-eyeballs.ts';
import type { UpstreamProtocol } from './host-pools.ts';
import { socketsFrom } from './origin-sockets.ts';
import { proxyHeaderConnector } from './proxy-header.ts';
import type { ClusterStats } from './stats.ts';

type Transport = {
  readonly when: Readonly<Record<string, unknown>>;
  readonly connector: Connector;
  /** The same with other protocols in the handshake. */
  readonly withAlpn: (alpn: readonly string[]) => Connector;
  readonly secure: boolean;
  /** The handshake asks for the endpoint's host name. */
  readonly named: boolean;
};

/** Metadata of an endpoint that its transport is chosen by. */
export const TRANSPORT_LABELS = 'envoy.transport_socket_match';

export type ChosenTransport = { readonly connector: Connector; readonly secure: boolean };

const NONE: readonly string[] = [];
const plain = plainConnectorOn(socketsFrom([]));
const PLAIN = { connector: plain, withAlpn: () => plain, secure: false, named: false };

type TransportTarget = Pick<EndpointConfig, 'metadata' | 'moreAddresses' | 'hostname'>;

export class Transports {
  readonly #choices: readonly Transport[];
  readonly #order: AddressOrder;
  readonly #wheel: TimerWheel;

  constructor(
    { tls: choices, http, origins, addressOrder, poolPerConnection, socketOptions }: ClusterConfig,
    stats: ClusterStats,
    services: ClusterServices,
  ) {
    this.#wheel = services.wheel;
    this.#order = addressOrder;
    const sockets = socketsFrom(origins);
    const make = ({ tls, proxyHeader }: TransportChoice, alpn: readonly string[] | null): Connector => {
      if (tls === null) {
        const plain = plainConnectorOn(sockets);
        return proxyHeader === null ? plain : proxyHeaderConnector(proxyHeader, plain);
      }
      const bare = origins.length === 0 && proxyHeader === null ? null : bareConnectorOn(sockets);
      const below = proxyHeader === null || bare === null ? bare : proxyHeaderConnector(proxyHeader, bare);
      const names = http.requestNames;
      return services.tlsConnector(
        { ...tls, requestNames: names, alpn: alpn ?? offered(tls.alpn, http.protocol) },
        stats,
        below,
      );
    };
    const finish = (connector: Connector): Connector => {
      const optioned = socketOptions.length === 0 ? connector : withOptions(connector, socketOptions);
      return poolPerConnection ? perConnection(optioned) : optioned;
    };
    this.#choices = choices.map((choice) => ({
      when: choice.when,
      connector: finish(make(choice, null)),
      withAlpn: (alpn) => make(choice, alpn),
      secure: choice.tls !== null,
      named: choice.tls?.sniFromHost === true,
    }));
  }

  /** `alpn`: protocols in place of the configured ones; [] leaves them. */
  for({ metadata, moreAddresses, hostname }: TransportTarget, alpn = NONE): ChosenTransport {
    const labels = metadata[TRANSPORT_LABELS];
    const choice = this.#choices.find(({ when }) => isSubset(when, labels)) ?? PLAIN;
    const { secure } = choice;
    const chosen = alpn.length === 0 ? choice.connector : choice.withAlpn(alpn);
    const connector = choice.named && hostname !== '' ? namedConnector(chosen, hostname) : chosen;
    if (moreAddresses.length === 0) return { connector, secure };
    return { connector: happyEyeballs(connector, moreAddresses, this.#order, this.#wheel), secure };
  }
}

/** Connections are for one connection of a client. */
function perConnection(inner: Connector): Connector {
  return {
    connect: (...call) => inner.connect(...call),
    purposeOf(exchange) {
      const purpose = inner.purposeOf?.(exchange) ?? ANYBODY;
      return { ...purpose, key: `${exchange.downstream.id} ${purpose.key}` };
    },
  };
}

function withOptions(inner: Connector, options: readonly SocketOption[]): Connector {
  return {
    purposeOf: inner.purposeOf,
    connect(address, port, result, purpose) {
      const onConnected: typeof result.onConnected = (socket, alpn, tls) => {
        try {
          setSocketOptions(socket, options);
        } catch (error) {
          socket.destroy();
          result.onFailed(String(error));
          return;
        }
        result.onConnected(socket, alpn, tls);
      };
      return inner.connect(address, port, { onConnected, onFailed: (detail) => result.onFailed(detail) }, purpose);
    },
  };
}

function namedConnector(inner: Connector, hostName: string): Connector {
  return {
    purposeOf: inner.purposeOf,
    connect: (address, port, result, purpose) =>
      inner.connect(address, port, result, { ...(purpose ?? ANYBODY), hostName }),
  };
}

/** Protocols named in the handshake: what is configured, or else what is spoken (as Envoy's pools do). HTTP/1.1 alone never asks for HTTP/2. */
function offered(configured: readonly string[], protocol: UpstreamProtocol): readonly string[] {
  if (protocol === 'http1') return configured.filter((name) => name !== 'h2');
  if (configured.length > 0) return configured;
  return protocol === 'http2' ? ['h2'] : ['h2', 'http/1.1'];
}

function isSubset(wanted: Readonly<Record<string, unknown>>, labels: unknown): boolean {
  const given = typeof labels === 'object' && labels !== null ? labels : {};
  const values = new Map<string, unknown>(Object.entries(given));
  return Object.entries(wanted).every(([key, value]) => values.get(key) === value);
}
