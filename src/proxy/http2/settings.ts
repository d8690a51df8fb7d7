// SETTINGS (RFC 9113 section 6.5): what we ask of the peer, and what it asks of us.
import type { Http2Options } from './options.ts';
import { code, DEFAULT_WINDOW, FRAME_SIZE, LARGEST_WINDOW, setting } from './protocol.ts';

/** Only what differs from the protocol's defaults. */
export function encodeSettings(options: Http2Options, client: boolean): Buffer {
  const values: [id: number, value: number][] = [[setting.maxConcurrentStreams, options.maxConcurrentStreams]];
  if (client) values[0] = [setting.enablePush, 0];
  if (options.hpackTableSize !== 4_096) values.push([setting.headerTableSize, options.hpackTableSize]);
  if (options.initialStreamWindow !== DEFAULT_WINDOW)
    values.push([setting.initialWindowSize, options.initialStreamWindow]);
  if (options.allowConnect && !client) values.push([setting.enableConnectProtocol, 1]);
  const payload = Buffer.allocUnsafe(values.length * 6);
  values.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return payload;
}

export class PeerSettings {
  /** undefined until the peer says so. */
  headerTableSize: number | undefined;
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindow = DEFAULT_WINDOW;
  connectProtocol = false;

  /** An error code, or 0. */
  apply(payload: Buffer, start: number, end: number, fromClient: boolean): number {
    for (let at = start; at < end; at += 6) {
      const wrong = this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), fromClient);
      if (wrong !== 0) return wrong;
    }
    return 0;
  }

  #set(id: number, value: number, fromClient: boolean): number {
    switch (id) {
      case setting.headerTableSize:
        this.headerTableSize = value;
        return 0;
      case setting.enablePush:
        return value > 1 || (value === 1 && !fromClient) ? code.protocolError : 0;
      case setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return 0;
      case setting.initialWindowSize:
        if (value > LARGEST_WINDOW) return code.flowControlError;
        this.initialWindow = value;
        return 0;
      case setting.maxFrameSize:
        // Larger frames than the smallest limit are never sent.
        return value < FRAME_SIZE || value > 0xffffff ? code.protocolError : 0;
      case setting.enableConnectProtocol:
        // RFC 8441 section 3: it may not be taken back.
        if (value > 1 || (value === 0 && this.connectProtocol)) return code.protocolError;
        this.connectProtocol = value === 1;
        return 0;
      default:
        return 0;
    }
  }
}
