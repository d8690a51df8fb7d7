// How a server lets its clients resume sessions.
import { createHash } from 'node:crypto';
import type { DownstreamTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { at, ConfigError } from './config-error.ts';
import type { DownstreamTlsConfig } from './tls-types.ts';
import { millis, readBytes } from './values.ts';

/** Envoy's: a name, a key for HMAC-SHA-256, one for AES-256. */
const GIVEN_KEY = 80;
const KEY = 48;

export function decodeSessions(tls: DownstreamTlsContext, path: string): DownstreamTlsConfig['sessions'] {
  const type = tls.sessionTicketKeysType;
  return {
    tickets: !(type.case === 'disableStatelessSessionResumption' && type.value),
    ticketKeys: decodeTicketKeys(type, at(path, 'session_ticket_keys')),
    timeout: Math.floor(millis(tls.sessionTimeout, 0, at(path, 'session_timeout')) / 1000),
  };
}

/** The first key writes tickets. The library wants 48 bytes: every proxy with the same key derives the same ones. */
function decodeTicketKeys(type: DownstreamTlsContext['sessionTicketKeysType'], path: string): Buffer | null {
  if (type.case !== 'sessionTicketKeys') return null;
  const [first] = type.value.keys;
  if (first === undefined) throw new ConfigError(at(path, 'keys'), 'is empty');
  const key = readBytes(first, at(path, 'keys[0]'));
  if (key.length !== GIVEN_KEY) throw new ConfigError(at(path, 'keys[0]'), `is not ${GIVEN_KEY} bytes long`);
  return createHash('sha512').update(key).digest().subarray(0, KEY);
}
