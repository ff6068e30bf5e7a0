// One conversation at a time: two would speak over each other, and both cost.
// Over all tabs where the browser has locks (on secure pages), else in this.

let shown: (() => void) | undefined;
let given: Promise<unknown> = Promise.resolve();

// Brings the conversation of this page into view, if there is one.
export function showRunning(): boolean {
  shown?.();
  return shown !== undefined;
}

// Takes the one place, and gives the function that frees it; undefined if it
// is taken.  reveal shows the conversation that has it.
export async function claim(reveal: () => void): Promise<(() => void) | undefined> {
  if (shown) return undefined;
  shown = reveal;

  // a lock that is being freed is not free yet
  await given;

  const unlock = await new Promise<(() => void) | undefined>((resolve) => {
    const locks = (navigator as { locks?: LockManager }).locks;
    const alone = () => resolve(() => {});

    if (!locks) return alone();
    given = locks.request('conversation', { ifAvailable: true }, (lock) =>
      lock ? new Promise<void>((free) => resolve(free)) : resolve(undefined)).catch(alone);
  });

  if (!unlock) {
    shown = undefined;
    return undefined;
  }
  return () => {
    shown = undefined;
    unlock();
  };
}
