import * as vscode from 'vscode';

/** The function breakpoints on entry points: what a check box of the Entry points view stands for. */
export class EntryBreakpoints {
  /** True when an enabled breakpoint is on the symbol, whoever set it. */
  isSet(symbol: string): boolean {
    return this.#on(symbol).some(breakpoint => breakpoint.enabled);
  }

  /** Sets or clears the breakpoint, so that it also appears in, or goes from, the Breakpoints view. */
  set(symbol: string, on: boolean): void {
    if (on === this.isSet(symbol)) return;
    // A breakpoint that exists but is disabled cannot be enabled through the API: it is replaced.
    vscode.debug.removeBreakpoints(this.#on(symbol));
    if (on) vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint(symbol)]);
  }

  #on(symbol: string): vscode.FunctionBreakpoint[] {
    return vscode.debug.breakpoints.filter((breakpoint): breakpoint is vscode.FunctionBreakpoint =>
      breakpoint instanceof vscode.FunctionBreakpoint && breakpoint.functionName === symbol);
  }
}
