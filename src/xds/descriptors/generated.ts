// What the files in gen/ make their exports with.
import type { Message } from '@bufbuild/protobuf';
import type { GenEnum, GenMessage, GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { types } from './types.ts';

export function messageDesc<Shape extends Message>(typeName: string): GenMessage<Shape> {
  return types.message(typeName) as unknown as GenMessage<Shape>;
}

export function enumDesc<Shape extends number>(typeName: string): GenEnum<Shape> {
  return types.enum(typeName) as unknown as GenEnum<Shape>;
}

export function serviceDesc<Methods extends GenServiceMethods>(typeName: string): GenService<Methods> {
  return types.service(typeName) as unknown as GenService<Methods>;
}
