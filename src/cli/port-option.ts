// A port as an option of a command.
import { InvalidArgumentError } from 'commander';

/** 0 takes any. @throws InvalidArgumentError, which commander prints */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is 0-65535.');
  return port;
}
