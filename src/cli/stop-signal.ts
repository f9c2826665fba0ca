/**
 * Milliseconds within which a repeated signal is ignored: with npm, Ctrl-C reaches a process twice, from the terminal
 * and from npm.
 */
const REPEAT_MS = 1_000;
/** Exit code that shells report for a process ended by SIGINT. */
const EXIT_INTERRUPTED = 130;

/**
 * Returns a signal that aborts at the first SIGINT or SIGTERM; another one after a second ends the process
 * immediately. SIGHUP, which a terminal sends when it is closed, is such a signal too, unless `onHangup` takes it.
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
