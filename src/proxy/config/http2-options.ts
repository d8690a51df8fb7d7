// Http2ProtocolOptions → Http2Options, within the limits Envoy sets.
import type { Http2ProtocolOptions, KeepaliveSettings } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { at, ConfigError } from './config-error.ts';
import { millis } from './values.ts';

const LARGEST = 2 ** 31 - 1;

/** `streamErrors`: what the connection manager says of malformed messages, unless the options say otherwise. */
export function decodeHttp2Options(
  options: Http2ProtocolOptions | undefined,
  path: string,
  streamErrors?: boolean,
): Http2Options {
  const defaults = defaultHttp2Options;
  if (options === undefined)
    return streamErrors === undefined ? defaults : { ...defaults, streamErrorOnInvalidMessage: streamErrors };
  const within = (value: number | undefined, fallback: number, name: string, least: number, most = LARGEST): number => {
    if (value !== undefined && (value < least || value > most)) {
      throw new ConfigError(at(path, name), `must be ${least} to ${most}`);
    }
    return value ?? fallback;
  };
  return {
    hpackTableSize: options.hpackTableSize ?? defaults.hpackTableSize,
    maxConcurrentStreams: within(
      options.maxConcurrentStreams,
      defaults.maxConcurrentStreams,
      'max_concurrent_streams',
      1,
    ),
    initialStreamWindow: within(
      options.initialStreamWindowSize,
      defaults.initialStreamWindow,
      'initial_stream_window_size',
      65_535,
    ),
    initialConnectionWindow: within(
      options.initialConnectionWindowSize,
      defaults.initialConnectionWindow,
      'initial_connection_window_size',
      65_535,
    ),
    allowConnect: options.allowConnect,
    maxOutboundFrames: within(
      options.maxOutboundFrames,
      defaults.maxOutboundFrames,
      'max_outbound_frames',
      1,
      2 ** 32 - 1,
    ),
    maxOutboundControlFrames: within(
      options.maxOutboundControlFrames,
      defaults.maxOutboundControlFrames,
      'max_outbound_control_frames',
      1,
      2 ** 32 - 1,
    ),
    maxEmptyFrames: options.maxConsecutiveInboundFramesWithEmptyPayload ?? defaults.maxEmptyFrames,
    maxPriorityFramesPerStream: options.maxInboundPriorityFramesPerStream ?? defaults.maxPriorityFramesPerStream,
    maxWindowUpdatesPerDataFrame: within(
      options.maxInboundWindowUpdateFramesPerDataFrameSent,
      defaults.maxWindowUpdatesPerDataFrame,
      'max_inbound_window_update_frames_per_data_frame_sent',
      1,
      2 ** 32 - 1,
    ),
    streamErrorOnInvalidMessage:
      options.overrideStreamErrorOnInvalidHttpMessage ?? streamErrors ?? options.streamErrorOnInvalidHttpMessaging,
    keepalive: decodeKeepalive(options.connectionKeepalive, at(path, 'connection_keepalive')),
  };
}

function decodeKeepalive(settings: KeepaliveSettings | undefined, path: string): Http2Options['keepalive'] {
  if (settings === undefined) return null;
  const timeout = millis(settings.timeout, 0, at(path, 'timeout'));
  if (timeout < 1) throw new ConfigError(at(path, 'timeout'), 'must be at least 1 ms');
  if (settings.interval !== undefined && millis(settings.interval, 0, at(path, 'interval')) < 1) {
    throw new ConfigError(at(path, 'interval'), 'must be at least 1 ms');
  }
  return {
    interval: millis(settings.interval, 0, at(path, 'interval')),
    timeout,
    idleInterval: millis(settings.connectionIdleInterval, 0, at(path, 'connection_idle_interval')),
    jitter: settings.intervalJitter?.value ?? 15,
  };
}
