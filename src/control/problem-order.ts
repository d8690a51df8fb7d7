// Problems in the order a person works through them: file by file, top to bottom, each once.
import type { Problem } from '../model/problem.ts';

export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const unique = new Map(problems.map((problem) => [keyOf(problem), problem]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, problem]) => problem);
}

function keyOf({ origin, message }: Problem): string {
  const { file, line } = origin.place ?? { file: '\uffff', line: 0 };
  const object = [origin.kind, origin.namespace, origin.name, origin.path].join('\0');
  return [file, String(line).padStart(8, '0'), object, message].join('\0');
}
