import type { DebugProtocol } from '@vscode/debugprotocol';
import { requests } from './index.js';

/** What the adapter can do: the union of what its request handlers advertise. */
export function capabilitiesOf(): DebugProtocol.Capabilities {
  return Object.assign({}, ...[...requests.values()].map(handler => handler.capabilities ?? {})) as DebugProtocol.Capabilities;
}
