/** A request that cannot be done, with a message for the user: what was asked, what is wrong, what to do. */
export class RequestError extends Error {
  /** @param showUser whether the client is to show the message in a dialogue (for what the user asked directly) */
  constructor(
    message: string,
    readonly showUser = true,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** The conventional error of DAP for a request that needs a stopped machine ("notStopped"). */
export class NotStopped extends RequestError {
  constructor() {
    super('The machine is running. Pause it first.', false);
    this.name = 'NotStopped';
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
