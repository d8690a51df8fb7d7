// Refuses what this proxy does not implement: a set field that is not in the list of supported ones is an error with its
// path, never ignored, because a policy that is silently left out is worse than an update that is refused.
import { type DescField, type DescMessage, isFieldSet, type Message } from '@bufbuild/protobuf';
import { at, ConfigError } from './config-error.ts';
import { supportedFields } from './supported-fields.ts';

/** Walks everything under `message` but what is packed into Any: that is checked where it is unpacked. */
export function refuseUnsupported(schema: DescMessage, message: Message, path: string): void {
  const supported = supportedFields.get(schema.typeName);
  const unknown = message.$unknown?.[0];
  if (unknown) throw new ConfigError(path, `unknown field number ${unknown.no}`);
  for (const field of schema.fields) {
    if (!isFieldSet(message, field)) continue;
    const here = at(path, field.name);
    if (!supported?.has(field.name)) throw new ConfigError(here, 'is not supported');
    const nested = nestedSchema(field);
    if (nested) checkNested(nested, field, message, here);
  }
}

function checkNested(schema: DescMessage, field: DescField, message: Message, path: string): void {
  const value = fieldValue(message, field);
  if (field.fieldKind === 'list') {
    (value as Message[]).forEach((element, i) => {
      refuseUnsupported(schema, element, `${path}[${i}]`);
    });
  } else if (field.fieldKind === 'map') {
    for (const [key, element] of Object.entries(value as Record<string, Message>)) {
      refuseUnsupported(schema, element, `${path}[${key}]`);
    }
  } else {
    refuseUnsupported(schema, value as Message, path);
  }
}

/** Well-known types carry values, not options; expressions are read whole where they are compiled. */
const VALUES = /^(?:google\.protobuf|google\.api\.expr\.v1alpha1|cel\.expr)\./;

function nestedSchema(field: DescField): DescMessage | null {
  const schema = field.message;
  return schema === undefined || VALUES.test(schema.typeName) ? null : schema;
}

/** protobuf-es keeps the members of a oneof as `{ case, value }` under the name of the oneof. */
function fieldValue(message: Message, field: DescField): unknown {
  const members = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) return members[field.localName];
  return (members[field.oneof.localName] as { value: unknown }).value;
}
