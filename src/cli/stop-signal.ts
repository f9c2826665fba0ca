/** Ctrl-C in a terminal reaches a process twice where npm started it: from the terminal and from npm. */
const REPEAT_MS = 1_000;
/** What shells report of a process that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

/**
 * A signal that aborts at the first SIGINT or SIGTERM; asking again after a second ends the process at once. SIGHUP, which a terminal sends
 * when it is closed, is such a signal too, unless `onHangup` takes it.
 */
export function stopSignal(onHangup?: () => void): AbortSignal {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (nowMs - firstMs > REPEAT_MS) process.exit(EXIT_INTERRUPTED);
    controller.abort(name);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onHangup ?? onSignal);
  return controller.signal;
}
