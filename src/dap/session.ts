import { DebugSession, ErrorDestination, Event, Response } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Adapter } from './adapter.js';
import { messageOf, NotStopped, RequestError } from './errors.js';
import type { Host } from './host.js';
import { requests } from './requests/index.js';

/** Ids of error messages in responses. */
const errorId = { request: 1000, notStopped: 1001, internal: 1002, unknown: 1003 };

/** The debug adapter as a session of @vscode/debugadapter: transport here, everything else in `Adapter` and `requests/`. */
export class KaiserscopeSession extends DebugSession {
  private readonly adapter: Adapter;

  constructor(host: Host) {
    super();
    this.adapter = new Adapter(host, (event, body) => this.sendEvent(new Event(event, body)));
  }

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    void this.answer(request, new Response(request));
  }

  private async answer(request: DebugProtocol.Request, response: DebugProtocol.Response): Promise<void> {
    const handler = requests.get(request.command);
    try {
      if (!handler) {
        this.fail(response, errorId.unknown, `The debug adapter does not know the request "${request.command}".`, false);
        return;
      }
      if (handler.needs === 'launched') void this.adapter.debuggee;
      if (handler.needs === 'stopped') this.adapter.requireStopped();
      response.body = await handler.handle(this.adapter, (request.arguments ?? {}) as never);
      this.sendResponse(response);
    } catch (error) {
      if (error instanceof NotStopped) this.failNotStopped(response, error.message);
      else if (error instanceof RequestError) this.fail(response, errorId.request, error.message, error.showUser);
      else this.fail(response, errorId.internal, `${request.command} failed by an internal error: ${messageOf(error)}`, true);
    }
    this.adapter.flushQueue();
  }

  private fail(response: DebugProtocol.Response, id: number, message: string, showUser: boolean): void {
    // Braces in the format would be taken for variables.
    this.sendErrorResponse(
      response,
      id,
      '{_message}',
      { _message: message },
      showUser ? ErrorDestination.User : (0 as ErrorDestination),
    );
  }

  /** DAP has a word for this error, which clients may translate; the sentence is for those that do not. */
  private failNotStopped(response: DebugProtocol.Response, text: string): void {
    response.success = false;
    response.message = 'notStopped';
    response.body = { error: { id: errorId.notStopped, format: text, showUser: false } };
    this.sendResponse(response);
  }

  /** Called by an editor that runs the adapter inline when the session is over. */
  override dispose(): void {
    void this.adapter.runControl.abandon();
  }
}

/** A session for inline use (`vscode.DebugAdapterInlineImplementation`), or to be started on a pair of streams. */
export function createSession(host: Host): KaiserscopeSession {
  return new KaiserscopeSession(host);
}
