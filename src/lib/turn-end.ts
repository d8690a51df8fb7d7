// Work put off to the end of the current turn of the event loop. A turn handles every socket that is ready; what it has to say to all of
// them is better written in one go: the peers are woken once, and one connection's messages leave together.

import { BusyRest, thisThread } from './busy-rest.ts';

export type TurnEndTask = {
  /** What it does costs little more for many messages than for one: a busy thread may wait for more of them. */
  readonly gathers?: boolean;
  /** Must not throw: a bug here would cost the others their turn. */
  onTurnEnd(): void;
};

let due: TurnEndTask[] = [];
let rest: BusyRest | null = null;

/** Runs after all events of this turn, before the process sleeps; tasks run in the order in which they came. */
export function atTurnEnd(task: TurnEndTask): void {
  if (due.push(task) === 1) setImmediate(endTurn);
}

/** Runs what is due now. The event loop calls it; tests do where there is none. */
export function endTurn(): void {
  const tasks = due;
  due = [];
  let gathers = false;
  for (const task of tasks) {
    task.onTurnEnd();
    if (task.gathers === true) gathers = true;
  }
  if (!gathers) return;
  rest ??= new BusyRest(thisThread);
  rest.turn();
}
