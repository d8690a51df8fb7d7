import { expect, test } from 'vitest';
import { memoryRelease, untouchedMappings } from './memory-release.ts';

const SMAPS = `00400000-00405000 r--p 00000000 fe:00 1234                               /usr/bin/node
Size:                 20 kB
Rss:                  20 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
00405000-0040a000 r-xp 00005000 fe:00 1234                               /usr/bin/node
Rss:                   4 kB
Anonymous:             0 kB
0040a000-0040b000 r--p 0000a000 fe:00 1234                               /usr/bin/node
Rss:                   4 kB
Anonymous:             4 kB
0040b000-0040c000 rw-p 0000b000 fe:00 1234                               /usr/bin/node
Rss:                   4 kB
Anonymous:             0 kB
01000000-01001000 rw-p 00000000 00:00 0                                  [heap]
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 99                         /lib/libc.so.6
Anonymous:             0 kB
`;

test('only what is still the file itself can be given back', () => {
  expect(untouchedMappings(SMAPS, '/usr/bin/node')).toEqual([
    { start: 0x400000, length: 0x5000 },
    { start: 0x405000, length: 0x5000 },
  ]);
});

test.runIf(process.platform === 'linux')('the program goes on after its pages are gone, in less memory', () => {
  const before = process.memoryUsage.rss();
  memoryRelease()?.();
  expect(process.memoryUsage.rss()).toBeLessThan(before);
});
