// Access logs that a suite has written beside the harness's own: their configuration, and their lines of one case.
import { waitFor } from '../../support/wait-for.ts';
import { wholeLines } from '../../support/whole-lines.ts';
import type { Pair } from './compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

/** An item of `access_log`; `format` is a SubstitutionFormatString. */
export function fileLog(name: string, format: string, filter = ''): string {
  return `
- name: ${name}
  ${filter === '' ? '' : `filter: ${filter}`}
  typed_config:
    '@type': ${TYPE}
    path: <folder>/${name}.log
    log_format: ${format}`;
}

/** Waits until both have the line of a case. */
export function linesOf(pair: Pair, log: string, mark: string): Promise<string[][]> {
  return Promise.all(
    [pair.reference, pair.ours].map((stand) =>
      waitFor(`${log} of ${stand.subject}`, () => {
        const found = read(stand, log).filter((line) => line.includes(mark));
        return found.length > 0 && found;
      }),
    ),
  );
}

/** Ports of the proxy say `<port>`. */
export function read(stand: Pair['ours'], log: string): string[] {
  const plain = (line: string) => stand.withoutPorts(line).replace(/_PORT":\d{4,}/g, '_PORT":<port>');
  return wholeLines(`${stand.folder}/${log}.log`).map((line) =>
    stand.ports.reduce((all, port) => all.replaceAll(`|${port}|`, '|<port>|'), plain(line)),
  );
}
