// POST /logging: the level of the one logger there is, asked for and changed in Envoy's words.

/** Envoy's names of levels, by ours. */
const NAMES: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'critical',
  silent: 'off',
};
const OURS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(NAMES).flatMap(([ours, name]) => [
    [name, ours],
    [ours, ours],
  ]),
);

const USAGE = `usage: /logging?proxy=<level> (change single level)
usage: /logging?paths=proxy:level (change multiple levels)
usage: /logging?level=<level> (change all levels)
levels: trace debug info warning error critical off
`;

/** `level` changes the level and gives the one that holds; null asks only. */
export function answerLogging(
  parameters: URLSearchParams,
  level: (change: string | null) => string | null,
): { readonly status: 200 | 400; readonly body: string } {
  const wanted = readChange(parameters);
  const said = 'wrong' in wanted ? `error: ${wanted.wrong}\n${USAGE}` : '';
  const held = level('wrong' in wanted ? null : wanted.change) ?? '';
  return { status: said === '' ? 200 : 400, body: `${said}active loggers:\n  proxy: ${NAMES[held] ?? held}\n\n` };
}

type Change = { readonly change: string | null } | { readonly wrong: string };

function readChange(parameters: URLSearchParams): Change {
  const [first, ...more] = [...parameters];
  if (first === undefined) return { change: null };
  if (more.length > 0) return { wrong: 'invalid number of parameters' };
  const [key, value] = first;
  if (key === 'level' || key === 'proxy') return readLevel(value);
  if (key !== 'paths') return { wrong: 'unknown logger name' };
  // The last word holds, as where each changes what the one before said.
  let change: Change = { change: null };
  for (const path of value.split(',').filter((one) => one !== '')) {
    const [name, asked = ''] = path.split(':');
    if (name !== 'proxy') return { wrong: 'unknown logger name' };
    change = readLevel(asked);
    if ('wrong' in change) return change;
  }
  return change;
}

function readLevel(name: string): Change {
  const change = Object.hasOwn(OURS, name) ? OURS[name] : undefined;
  return change === undefined ? { wrong: 'unknown logger level' } : { change };
}
