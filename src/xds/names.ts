// The name of a resource by its own bytes: state of the world does not carry it beside them.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { typeUrl } from './resource.ts';

/** All types have `name` as field 1, endpoints call it `cluster_name`. '' where it is missing. @throws on broken bytes. */
export function resourceName(type: string, bytes: Uint8Array): string {
  if (!(Object.values(typeUrl) as string[]).includes(type)) return '';
  const reader = new BinaryReader(bytes);
  let name = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) name = reader.string();
    else reader.skip(wireType, field);
  }
  return name;
}
