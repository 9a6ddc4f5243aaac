import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { messageOf } from '../errors.js';
import type { SessionBreakpoint } from '../breakpoints/breakpointStore.js';
import { defineRequest } from '../request.js';
import { baseName, sourceOf } from '../sources.js';

export const setBreakpoints = defineRequest<DebugProtocol.SetBreakpointsArguments, DebugProtocol.SetBreakpointsResponse['body']>({
  command: 'setBreakpoints',
  needs: 'launched',
  capabilities: { supportsConditionalBreakpoints: true, supportsHitConditionalBreakpoints: true, supportsLogPoints: true },
  handle(adapter, args) {
    const path = args.source.path ?? args.source.name ?? '';
    const group = `source ${path}`;
    const set: SessionBreakpoint[] = [];
    const breakpoints = (args.breakpoints ?? []).map(wanted => resolve(adapter, path, group, wanted, set));
    adapter.breakpoints.setGroup(group, set);
    adapter.applyBreakpoints();
    return { breakpoints };
  },
});

function resolve(
  adapter: Adapter,
  path: string,
  group: string,
  wanted: DebugProtocol.SourceBreakpoint,
  set: SessionBreakpoint[],
): DebugProtocol.Breakpoint {
  const { symbols, launch, programName } = adapter.debuggee;
  const shift = adapter.client.linesStartAt1 ? 0 : 1;
  const line = wanted.line + shift;
  const failed = (message: string): DebugProtocol.Breakpoint => ({
    id: adapter.breakpoints.newId(),
    verified: false,
    line: wanted.line,
    message,
    reason: 'failed',
  });
  if (symbols.lines.resolveFile(path).length === 0) {
    return failed(
      `No code of ${baseName(path)} is in ${programName}: the file is not in its line table. Build it into the kernel with -g, or open the file that the call stack shows.`,
    );
  }
  const found = symbols.lines.breakpointsAt(path, line);
  if (!found) return failed(`There is no code at line ${line} of ${baseName(path)} or after it.`);
  try {
    const source = sourceOf(found.file, launch.sourceRoot ?? adapter.host.builtInSourceRoot);
    const breakpoint = adapter.breakpoints.create(group, `${baseName(path)}:${found.line}`, found.addresses, wanted, {
      source,
      line: found.line - shift,
    });
    set.push(breakpoint);
    return {
      id: breakpoint.id,
      verified: true,
      line: found.line - shift,
      source: { name: source.name!, path: path.includes('/') || path.includes('\\') ? path : source.path! },
    };
  } catch (error) {
    return failed(messageOf(error));
  }
}
