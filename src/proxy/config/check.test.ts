// The rule behind every NACK: of each message that is read, a field that is not implemented refuses the resource, with its path.
import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { refuseUnsupported } from './check.ts';
import { supportedFields } from './supported-fields.ts';

describe.each([...supportedFields])('%s', (typeName, supported) => {
  const schema = types.getMessage(typeName);

  test('exists', () => {
    expect(schema?.typeName).toBe(typeName);
  });

  test('refuses every field that is not in the list', () => {
    for (const field of schema!.fields) {
      const refused = refusal(schema!, withField(schema!, field));
      if (supported.has(field.name)) expect(refused ?? '', field.name).not.toBe(`at.${field.name}: is not supported`);
      else expect(refused, field.name).toBe(`at.${field.name}: is not supported`);
    }
  });

  test('refuses fields nobody knows', () => {
    const message = create(schema!);
    message.$unknown = [{ no: 99_999, wireType: 0, data: new Uint8Array([1]) }];
    expect(refusal(schema!, message)).toBe('at: unknown field number 99999');
  });
});

function refusal(schema: DescMessage, message: Message): string | null {
  try {
    refuseUnsupported(schema, message, 'at');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Only this one is set, to something other than its default. */
function withField(schema: DescMessage, field: DescField): Message {
  const message = create(schema);
  const reflected = reflect(schema, message);
  switch (field.fieldKind) {
    case 'scalar':
      reflected.set(field, scalar(field.scalar));
      break;
    case 'enum':
      reflected.set(field, 1);
      break;
    case 'message':
      reflected.set(field, reflect(field.message));
      break;
    case 'list':
      reflected.get(field).add(element(field.listKind, field.message, field.scalar));
      break;
    case 'map': {
      const key = field.mapKey === ScalarType.STRING ? 'key' : 1;
      reflected.get(field).set(key, element(field.mapKind, field.message, field.scalar));
      break;
    }
  }
  return message;
}

function element(kind: 'message' | 'enum' | 'scalar', message: DescMessage | undefined, type: ScalarType | undefined) {
  if (kind === 'message' && message !== undefined) return reflect(message);
  return kind === 'enum' || type === undefined ? 1 : scalar(type);
}

function scalar(type: ScalarType): unknown {
  switch (type) {
    case ScalarType.STRING:
      return 'x';
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return new Uint8Array([1]);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.SINT64:
      return 1n;
    default:
      return 1;
  }
}
