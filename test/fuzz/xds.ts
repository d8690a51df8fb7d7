// xDS resources of any form: decoded, or refused with a ConfigError, which becomes the NACK. Inputs are resources as JSON.
import { crc32 } from 'node:zlib';
import { fromBinary, fromJson, type JsonValue, type Message, toBinary } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { ConfigError } from '../../src/proxy/config/config-error.ts';
import { decoders } from '../../src/proxy/config/decoders.ts';
import { types } from '../../src/xds/descriptors/types.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../src/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { corpusOf, seededRandom, type Target } from './target.ts';

/** By the first word of the input. */
const KINDS = {
  listener: kind(ListenerSchema, decoders.decodeListener),
  cluster: kind(ClusterSchema, decoders.decodeCluster),
  endpoints: kind(ClusterLoadAssignmentSchema, decoders.decodeEndpoints),
  routes: kind(RouteConfigurationSchema, decoders.decodeRoutes),
  secret: kind(SecretSchema, decoders.decodeSecret),
};

const seeds = corpusOf('xds').map((seed) => seed.toString('latin1'));

/** An input that is no document any more decides which document is changed, and how. */
export const xds: Target = {
  name: 'xds',
  run(input) {
    const own = input.toString('latin1');
    const sum = crc32(input);
    const text = document(own) === undefined ? seeds[sum % seeds.length]! : own;
    const decode = KINDS[text.slice(0, text.indexOf(' ')) as keyof typeof KINDS];
    const json = document(text);
    if (decode === undefined || json === undefined) return;
    const random = seededRandom(sum);
    for (const form of [json, ...Array.from({ length: VARIANTS }, () => vary(json, random))]) {
      try {
        decode(form);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw new Error(`decoding ${JSON.stringify(form)}`, { cause: error });
      }
    }
  },
};

const VARIANTS = 2;
const NUMBERS = [0, 1, -1, 2, 65_536, 4_294_967_295, 1e300, 0.5];
const TEXTS = [
  '',
  'x',
  '0s',
  '-1s',
  '999999999s',
  '1.5s',
  '*',
  '%',
  '%REQ(',
  '/',
  '\\',
  '[',
  '::1',
  '4294967295',
  'UNKNOWN',
  '\n',
];

/** The same document with one value replaced by another of its type, left out, or repeated. */
function vary(json: JsonValue, random: () => number): JsonValue {
  const below = (limit: number) => Math.floor(random() * limit);
  if (typeof json === 'number') return NUMBERS[below(NUMBERS.length)]!;
  if (typeof json === 'string') return TEXTS[below(TEXTS.length)]!;
  if (typeof json === 'boolean') return !json;
  const entries = Object.entries(json ?? {});
  if (entries.length === 0) return json;
  const chosen = below(entries.length);
  const [key, value] = entries[chosen]!;
  if (random() < 0.15) entries.splice(chosen, 1);
  else if (key !== '@type') entries[chosen] = [key, random() < 0.1 ? emptied(value) : vary(value, random)];
  if (!Array.isArray(json)) return Object.fromEntries(entries);
  const list = entries.map(([, one]) => one);
  return random() < 0.1 ? [...list, ...list] : list;
}

function emptied(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return [];
  return typeof value === 'object' ? {} : value;
}

/** What protobuf itself does not take for a message of the type is no input. */
function kind<Shape extends Message>(
  schema: GenMessage<Shape>,
  decode: (message: Shape) => unknown,
): (json: JsonValue) => void {
  return (json) => {
    let message: Shape;
    try {
      message = fromJson(schema, json, { registry: types });
      message = fromBinary(schema, toBinary(schema, message));
    } catch {
      return;
    }
    decode(message);
  };
}

/** What follows the first word. */
function document(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text.slice(text.indexOf(' '))) as JsonValue;
  } catch {
    return undefined;
  }
}
