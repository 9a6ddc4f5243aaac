import type { Adapter } from '../adapter.js';
import { RequestError } from '../errors.js';
import type { Stop } from '../../target/target.js';

/** Starts a step of a thread's CPU. A step that cannot be done is told, and the machine counts as stopped where it was. */
export function startStep(adapter: Adapter, threadId: number, step: (cpu: number) => Promise<Stop>): void {
  const cpu = adapter.cpuOfThread(threadId);
  adapter.debuggee.spinWatch.clear();
  adapter.resume(async () => {
    try {
      return await step(cpu);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      adapter.output('important', `${error.message}\n`);
      return { kind: 'pause', cpu };
    }
  });
}
