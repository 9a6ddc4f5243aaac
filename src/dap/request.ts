import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from './adapter.js';

/**
 * One request of the protocol: its handler and the capability that it advertises stand together, so that neither can
 * be there without the other.
 */
export interface RequestHandler<Arguments = unknown, Body = unknown> {
  readonly command: string;
  /** `stopped`: answered with the error `notStopped` while the machine runs. `launched`: there must be a machine. */
  readonly needs: 'nothing' | 'launched' | 'stopped';
  /** What the initialize response says because of this handler. */
  readonly capabilities?: DebugProtocol.Capabilities;
  /** Returns the body of the response. Throws RequestError for what cannot be done. */
  handle(adapter: Adapter, args: Arguments): Promise<Body> | Body;
}

export function defineRequest<Arguments, Body>(handler: RequestHandler<Arguments, Body>): RequestHandler<Arguments, Body> {
  return handler;
}
