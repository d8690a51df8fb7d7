// An error a user gets to see: one sentence, a hint, an exit code.

export class CommandFailure extends Error {
  readonly hint: string;
  /** 1: the answer is bad or there is none; 2: the command line is wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, hint: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** The command has printed an answer that is not good: exit code 1, and nothing more to say. */
export class BadAnswer extends Error {}
