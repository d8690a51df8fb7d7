// A file that does not parse keeps what it said when it last did: a typo while editing must not take routes out of the mesh.
import { type MeshObject, refOf } from '../model/object.ts';
import { objectKey } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';

/** Remembers the objects of each file as of its last reading without a syntax error. */
export class LastGood {
  #byFile = new Map<string, readonly MeshObject[]>();

  /** The objects to run: those given, but for broken files those remembered. A file that is gone is forgotten. */
  merge(objects: readonly MeshObject[], problems: readonly Problem[]): readonly MeshObject[] {
    const broken = problems.filter(isSyntaxError).map(({ origin }) => origin.place?.file ?? '');
    const isBroken = (file: string): boolean => broken.some((path) => file === path || file.startsWith(`${path}/`));
    const remembered = [...this.#byFile].filter(([file]) => isBroken(file));
    const healthy = objects.filter(({ place }) => place === null || !remembered.some(([file]) => file === place.file));
    const moved = new Set(healthy.map(keyOf));
    const kept = remembered.flatMap(([, known]) => known).filter((object) => !moved.has(keyOf(object)));
    const good = groupByFile(healthy.filter(({ place }) => place !== null && !isBroken(place.file)));
    this.#byFile = new Map([...remembered, ...good]);
    return kept.length === 0 ? healthy : [...healthy, ...kept];
  }
}

const keyOf = (object: MeshObject): string => objectKey(refOf(object));

const isSyntaxError = ({ severity, code }: Problem): boolean => severity === 'error' && code === 'syntax';

function groupByFile(objects: readonly MeshObject[]): Map<string, MeshObject[]> {
  const files = new Map<string, MeshObject[]>();
  for (const object of objects) {
    const file = object.place?.file ?? '';
    const list = files.get(file);
    if (list === undefined) files.set(file, [object]);
    else list.push(object);
  }
  return files;
}
