/** What Node has besides `performance`. */
interface Process { hrtime?: (() => [seconds: number, nanoseconds: number]) | undefined; }

const hrtime = (globalThis as { process?: Process }).process?.hrtime;

/** Milliseconds since some moment, by a clock that is never put back. Node's `performance` would do, but takes 2 ms to load, a fiftieth of a boot. */
export const milliseconds: () => number = hrtime
  ? () => {
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  }
  : () => performance.now();
