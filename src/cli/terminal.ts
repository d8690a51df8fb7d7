// Where commands write, and whether colour may be used. Tests give their own.
import { styleText } from 'node:util';

export type Terminal = {
  readonly colour: boolean;
  out(text: string): void;
  error(text: string): void;
};

export type Style = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export const processTerminal: Terminal = {
  colour: process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '',
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

/** Whether colour is used was decided by the terminal; what the process' own streams are does not matter here. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.colour ? styleText(style, text, { validateStream: false }) : text;
}

/** What users typed may come back to them, but never as control characters of their terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '?');
