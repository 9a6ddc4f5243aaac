import { accessTypes } from './ast.js';
import { exceptionWords, words } from './machineScope.js';

/** What `=help` prints in the Debug Console. */
export function expressionHelp(): string {
  const list = (entries: [string, { text: string }][]): string =>
    entries.map(([name, { text }]) => `  ${name.padEnd(10)} ${text}`).join('\n');
  return `What you type here goes to the guest's console, with a line break. A line that starts with = is an expression:

  =rax                 a register of the CPU in focus (any name, such as eax, al, rip, cr3, rflags, fs_base, lstar)
  =entry_syscall64     a symbol stands for its address
  =*rsp, =u64(rsp+8)   memory: ${Object.keys(accessTypes).join(', ')}; also =*(u32*)address
  =cpl == 3 && cr3.half == 'shadow'

Numbers are unsigned and have 64 bits: 42, 0x2a, 0b101010. Operators are C's: || && | ^ & == != < <= > >= << >> + - * / % ! ~ ( )
The same expressions are conditions of breakpoints, watch expressions and {parts} of log messages.

Words:
${list(Object.entries(words))}
In conditions of exception filters also:
${list(Object.entries(exceptionWords))}
`;
}
