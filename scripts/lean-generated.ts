// Makes what protoc-gen-es wrote start in no time: its files carry their descriptors and build them, and those of everything they
// import, when they are loaded. Ours name a type, and src/xds/descriptors finds it in one file when it is asked for.
// Extensions (options) are left out: none is read. So is the prose of the .proto files, three quarters of the text, which every
// process would keep in memory; what a field is, and its number, stays.
import { fromBinary } from '@bufbuild/protobuf';
import { type DescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const GROUP = 10;
/** Describe options, which are not read. */
const optionFiles = new Set(['google/protobuf/descriptor.proto', 'validate/validate.proto']);

/** The text of a generated file, `depth` folders below gen/ → what is committed; null when it holds nothing but options. */
export function leanSource(text: string, depth: number): string | null {
  const up = '../'.repeat(depth + 1);
  const lean = text
    .split(/\n\n(?=\S)/)
    .filter((block) => !isLeftOut(block))
    .map(nameType)
    .map(dropProse)
    .join('\n\n')
    .concat('\n')
    .replaceAll(/^import \{ file_[^}]* \} from .*;\n/gm, '')
    .replaceAll(/^import \{([^}]*)\} from "@bufbuild\/protobuf\/codegenv2";\n/gm, (_, names: string) => {
      const wanted = namesIn(names).filter((name) => name !== 'fileDesc' && name !== 'extDesc');
      return wanted.length === 0 ? '' : `import { ${wanted.join(', ')} } from "${up}descriptors/generated.ts";\n`;
    });
  if (/^import \{[^}]*\bfile_|Desc\(file_|\bfileDesc\(/m.test(lean)) {
    throw new Error('a file descriptor is left over (hint: protoc-gen-es writes its files in another way)');
  }
  return /^export /m.test(lean) ? dropUnusedTypes(`${lean.trimEnd()}\n`) : null;
}

/** Refuses what src/xds/descriptors does not know. */
export function checkDescriptors(bytes: Uint8Array): void {
  const { file } = fromBinary(FileDescriptorSetSchema, bytes);
  for (const { name, syntax, messageType } of file) {
    if (syntax !== '' && syntax !== 'proto3') throw new Error(`${name}: syntax ${syntax}`);
    if (!optionFiles.has(name)) for (const message of messageType) checkMessage(message, name);
  }
}

function checkMessage({ field, nestedType }: DescriptorProto, file: string): void {
  for (const { name, type, defaultValue } of field) {
    if (type === GROUP || defaultValue !== '') throw new Error(`${file}: field ${name} is a group or has a default`);
  }
  for (const nested of nestedType) checkMessage(nested, file);
}

const isLeftOut = (block: string): boolean =>
  /^export const file_\w+: GenFile/m.test(block) || /^export const \w+: GenExtension</m.test(block);

/** `messageDesc(file_…, 0)` → `messageDesc("envoy.config.cluster.v3.Cluster")`: the comment above has the name. */
function nameType(block: string): string {
  const name = /^ \* (?:Describes the (?:message|enum)|@generated from service) ([\w.]+?)\.?$/m.exec(block)?.[1];
  return name === undefined ? block : block.replace(/Desc\(file_\w+(?:, \d+)+\)/, `Desc("${name}")`);
}

/** Keeps the first comment, the licence, and of the others the lines of the generator. */
function dropProse(block: string): string {
  return block.replaceAll(/^( *)\/\*\*\n(?:(?!\*\/)[\s\S])*\*\/\n/gm, (comment, indent: string) => {
    const kept = comment.match(/@(?:generated|deprecated).*/g) ?? [];
    return kept.length === 0 ? '' : `${indent}/** ${kept.join(' ')} */\n`;
  });
}

const namesIn = (list: string): string[] => list.split(',').map((name) => name.trim());

/** Names that only what was left out used. */
function dropUnusedTypes(text: string): string {
  return text.replaceAll(/^import type \{([^}]*)\} from (.*);\n/gm, (line, names: string, from: string) => {
    const rest = text.replace(line, '');
    const used = namesIn(names).filter((name) => rest.match(/[\w$]+/g)?.includes(name.replace(/^.* as /, '')));
    return used.length === 0 ? '' : `import type { ${used.join(', ')} } from ${from};\n`;
  });
}
