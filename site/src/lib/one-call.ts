// One conversation at a time: two would speak over each other, and both cost.
// Over all tabs where the browser has locks (on secure pages), else in this.

let shown: (() => void) | undefined;
let given: Promise<unknown> = Promise.resolve();

// Brings the conversation of this page into view, if there is one.
export function showRunning(): boolean {
  shown?.();
  return shown !== undefined;
}

async function lock(): Promise<(() => void) | undefined> {
  // a lock that is being freed is not free yet
  await given;

  return new Promise<(() => void) | undefined>((resolve) => {
    const locks = (navigator as { locks?: LockManager }).locks;
    const alone = () => resolve(() => {});

    if (!locks) return alone();
    given = locks.request('conversation', { ifAvailable: true }, (got) => (got ? new Promise<void>((free) => resolve(free)) : resolve(undefined))).catch(alone);
  });
}

export interface Claim {
  free: () => void;
  // While it waits in line other tabs may talk; when its turn has come it asks
  // for the place again, and false says that another tab was faster.
  lend: () => void;
  again: () => Promise<boolean>;
}

// Takes the one place, undefined if it is taken.  reveal shows the conversation
// that has it.
export async function claim(reveal: () => void): Promise<Claim | undefined> {
  if (shown) return undefined;
  shown = reveal;

  let over = false;
  let unlock = await lock();

  if (!unlock) {
    shown = undefined;
    return undefined;
  }

  const lend = () => {
    unlock?.();
    unlock = undefined;
  };

  return {
    lend,
    free: () => {
      if (over) return;
      over = true;
      shown = undefined;
      lend();
    },
    again: async () => {
      unlock ??= await lock();
      if (over) lend();
      return unlock !== undefined;
    }
  };
}
