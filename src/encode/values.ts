// Small protobuf values that every resource needs.
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import type { Origin } from '../model/origin.ts';
import type { Address as PlanAddress } from '../model/service.ts';
import { type Address, AddressSchema } from '../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type Metadata, MetadataSchema } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ApiVersion, type ConfigSource, ConfigSourceSchema } from '../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
  FractionalPercentSchema,
} from '../xds/gen/envoy/type/v3/percent_pb.ts';

export function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

/** From milliseconds, to the nanosecond. */
export function duration(milliseconds: number): Duration {
  const nanos = Math.round((milliseconds % 1000) * 1e6);
  return create(DurationSchema, { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos });
}

/** Basis points are Envoy's TEN_THOUSAND as they are. */
export const fraction = (basisPoints: number): FractionalPercent =>
  create(FractionalPercentSchema, {
    numerator: basisPoints,
    denominator: FractionalPercent_DenominatorType.TEN_THOUSAND,
  });

export const address = ({ host, port }: PlanAddress): Address =>
  create(AddressSchema, {
    address: {
      case: 'socketAddress',
      value: { address: host, portSpecifier: { case: 'portValue', value: port } },
    },
  });

export const ads: ConfigSource = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: {} },
});

type Json = string | number | boolean | null | { [key: string]: Json };

export const metadata = (entries: Record<string, { [key: string]: Json }>): Metadata =>
  create(MetadataSchema, { filterMetadata: entries });

export const originJson = ({
  dialect,
  group,
  kind,
  namespace,
  name,
  path,
  place,
}: Origin): { [key: string]: Json } => ({
  dialect,
  group,
  kind,
  namespace,
  name,
  path,
  file: place?.file ?? '',
  line: place?.line ?? 0,
});
