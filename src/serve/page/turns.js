// Work that must not overlap, and waits.

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** Does `work` one at a time: calls that come meanwhile share one more run after this one. */
export function inTurn(work) {
  let running = null;
  let again = false;
  async function runs() {
    do {
      again = false;
      await work();
    } while (again);
  }
  return () => {
    if (running) again = true;
    running ??= runs().finally(() => { running = null; });
    return running;
  };
}
