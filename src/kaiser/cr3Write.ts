const names = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];

/** The register that an instruction writes to CR3: MOV CR3, r64 is 0f 22 with a ModRM of d8 to df (SDM Vol. 2B). Undefined for any other. */
export function cr3Source(code: Uint8Array): string | undefined {
  const rex = (code[0]! & 0xf0) === 0x40 ? 1 : 0;
  if (code[rex] !== 0x0f || code[rex + 1] !== 0x22 || (code[rex + 2]! & 0xf8) !== 0xd8) return undefined;
  return names[(code[rex + 2]! & 7) + (rex && code[0]! & 1 ? 8 : 0)];
}
