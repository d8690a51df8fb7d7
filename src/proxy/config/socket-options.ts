// Options of sockets: as they are given by number, and those that have fields of their own.
import type { TcpKeepalive } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import {
  type SocketOption as GivenOption,
  SocketOption_SocketIpVersion as IpVersion,
  SocketOption_SocketState as State,
} from '../../xds/gen/envoy/config/core/v3/socket_option_pb.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { intOption, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, type SocketOption } from '../system/sockets.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** When an option is set, and on sockets of which family. */
export type TimedOption = {
  readonly when: 'before-bind' | 'bound' | 'listening';
  readonly family: 'any' | 4 | 6;
  readonly option: SocketOption;
};

const SO_KEEPALIVE = 9;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_FASTOPEN = 23;
const IP_FREEBIND = 15;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
const IPV6_FREEBIND = 78;

/** Accepted connections have those of the socket that listens. */
export function decodeListenerOptions(listener: Listener): readonly TimedOption[] {
  const { transparent, freebind, tcpFastOpenQueueLength: queue, tcpKeepalive: keepalive } = listener;
  return [
    ...(transparent === undefined
      ? []
      : [flag(4, IP_TRANSPARENT, transparent), flag(6, IPV6_TRANSPARENT, transparent)]),
    ...decodeFreebind(freebind),
    ...(queue === undefined
      ? []
      : [{ when: 'listening', family: 'any', option: intOption(SOL_TCP, TCP_FASTOPEN, queue) } as const]),
    ...decodeKeepalive(keepalive).map((option): TimedOption => ({ when: 'before-bind', family: 'any', option })),
    ...decodeOptions(listener.socketOptions, 'socket_options'),
  ];
}

/** An address that is not (yet) here. */
export function decodeFreebind(freebind: boolean | undefined): readonly TimedOption[] {
  return freebind === undefined ? [] : [flag(4, IP_FREEBIND, freebind), flag(6, IPV6_FREEBIND, freebind)];
}

export function decodeOptions(options: readonly GivenOption[], path: string): readonly TimedOption[] {
  return mapAt(options, path, decodeOption);
}

/** Seconds and numbers that are not given are the system's. */
export function decodeKeepalive(keepalive: TcpKeepalive | undefined): readonly SocketOption[] {
  if (keepalive === undefined) return [];
  const { keepaliveProbes: probes, keepaliveTime: time, keepaliveInterval: interval } = keepalive;
  const given = [
    [TCP_KEEPCNT, probes],
    [TCP_KEEPIDLE, time],
    [TCP_KEEPINTVL, interval],
  ] as const;
  return [
    intOption(SOL_SOCKET, SO_KEEPALIVE, 1),
    ...given.flatMap(([name, value]) => (value === undefined ? [] : [intOption(SOL_TCP, name, value)])),
  ];
}

function flag(family: 4 | 6, name: number, on: boolean): TimedOption {
  return { when: 'before-bind', family, option: intOption(family === 4 ? SOL_IP : SOL_IPV6, name, on ? 1 : 0) };
}

function decodeOption({ level, name, value, state, ipVersion }: GivenOption, path: string): TimedOption {
  const number = (given: bigint, field: string): number => {
    const plain = Number(given);
    if (plain < -(2 ** 31) || plain >= 2 ** 31) throw new ConfigError(at(path, field), 'is no number of 32 bits');
    return plain;
  };
  const [ofLevel, ofName] = [number(level, 'level'), number(name, 'name')];
  if (value.case === undefined) throw new ConfigError(path, 'has no value (hint: int_value)');
  const option =
    value.case === 'intValue'
      ? intOption(ofLevel, ofName, number(value.value, 'int_value'))
      : { level: ofLevel, name: ofName, value: Buffer.from(value.value) };
  return { when: WHEN[state] ?? 'before-bind', family: FAMILY[ipVersion] ?? 'any', option };
}

const WHEN: Readonly<Record<number, TimedOption['when']>> = {
  [State.STATE_PREBIND]: 'before-bind',
  [State.STATE_BOUND]: 'bound',
  [State.STATE_LISTENING]: 'listening',
};
const FAMILY: Readonly<Record<number, TimedOption['family']>> = { [IpVersion.IPV4]: 4, [IpVersion.IPV6]: 6 };
