/*
 * The macros that every entry and exit is made of: saving registers, and switching CR3 between the two halves of a PGD
 * pair. All of what they touch before a switch to the kernel's half and after a switch to the shadow half must be mapped
 * in both: entry text, the flag page, the CPU's exported per-CPU page and its cpu_entry_area.
 *
 * The first thing each switch does is to ask whether KAISER is on. How it asks depends on the design (kaiser/sites.h): by
 * the flag kaiser_asm_do_switch, by a word of the CPU's own, or by the code itself, which the kernel patches. That is what
 * makes switching at run time dangerous: between two such questions the answer can change.
 */
#include "entry/offsets.h"
#include "kaiser/site_kinds.h"

/* Pushes the general registers below an original RAX or error code: struct registers. */
.macro PUSH_REGS
  push %rdi
  push %rsi
  push %rdx
  push %rcx
  push %rax
  push %r8
  push %r9
  push %r10
  push %r11
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
.endm

/* Pops all of them but RDI; RSP then points at the RDI slot. */
.macro POP_REGS_BUT_RDI
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  pop %r11
  pop %r10
  pop %r9
  pop %r8
  pop %rax
  pop %rcx
  pop %rdx
  pop %rsi
.endm

/*
 * Asks whether KAISER is on, and goes to `skip` if it is not. 15 bytes that kaiser/sites.c writes anew at boot; as linked
 * they test the flag. Changes the arithmetic flags.
 */
.macro KAISER_SITE kind:req skip:req
.Lsite_\@:
  testb $1, kaiser_asm_do_switch(%rip)
  .byte 0x0f, 0x84                      /* jz in its long form */
  .long \skip - . - 4
  .byte 0x66, 0x90
  .pushsection .kaiser_sites, "a"
  .quad .Lsite_\@, \skip
  .long \kind, SITE_LENGTH
  .popsection
.endm

/* Goes to `skip` if `cr3` has the kernel's half: for the designs that believe CR3 alone; for the others NOPs. */
.macro KAISER_CR3_SITE cr3:req skip:req
.Lsite_\@:
  btq $12, \cr3
  .byte 0x0f, 0x83                      /* jnc in its long form */
  .long \skip - . - 4
  .pushsection .kaiser_sites, "a"
  .quad .Lsite_\@, \skip
  .long SITE_CR3_TEST, SITE_CR3_LENGTH
  .popsection
.endm

/*
 * Behind the question of an exit: nothing, but for a kernel without CURE_EXIT_WINDOW, which lets interrupts in here. `label`
 * names the place for the debugger.
 */
.macro KAISER_WINDOW_SITE label:req
  .globl \label
\label:
.Lsite_\@:
  nopl (%rax)
  .pushsection .kaiser_sites, "a"
  .quad .Lsite_\@, .Lsite_\@ + SITE_WINDOW_LENGTH
  .long SITE_WINDOW, SITE_WINDOW_LENGTH
  .popsection
.endm

/*
 * To the kernel's half: clear bits 12 and 11 of CR3. Harmless when it is loaded already. The user's translations stay
 * valid under their own PCID, so with PCIDs nothing is flushed (bit 63); without them any write to CR3 flushes.
 * `label` names the instruction that switches, for the debugger.
 */
.macro SWITCH_TO_KERNEL_CR3 scratch:req label:req
  KAISER_SITE SITE_TO_KERNEL .Lskip_\@
  mov %cr3, \scratch
  KAISER_CR3_SITE \scratch .Lskip_\@
  and $~CR3_HALF_MASK, \scratch
  or kaiser_asm_cr3_keep(%rip), \scratch
  .globl \label
\label:
  mov \scratch, %cr3
.Lskip_\@:
.endm

/*
 * From CR3's value in `cr3` to what is to be written for the shadow half: set bit 12, and with PCIDs bit 11 and, unless
 * the kernel has asked for a flush of that PCID, bit 63. Needs the kernel's GS. Changes `index`.
 */
.macro MAKE_USER_CR3 cr3:req index:req
  cmpq $0, kaiser_asm_cr3_noflush(%rip)
  je .Lplain_\@
  mov \cr3, \index
  and $CR3_ASID_MASK, \index
  btr \index, %gs:PERCPU_USER_PCID_FLUSH_MASK
  jc .Lflush_\@
  or kaiser_asm_cr3_keep(%rip), \cr3
.Lflush_\@:
  or $CR3_SHADOW_PCID, \cr3
.Lplain_\@:
  or $CR3_SHADOW, \cr3
.endm

/* To the shadow half, on the entry stack, with the kernel's GS. */
.macro SWITCH_TO_USER_CR3 scratch:req label:req
  KAISER_SITE SITE_TO_USER .Lskip_\@
  KAISER_WINDOW_SITE label=\label\()_asked
  push %rax
  mov %cr3, \scratch
  MAKE_USER_CR3 cr3=\scratch index=%rax
  .globl \label
\label:
  mov \scratch, %cr3
  pop %rax
.Lskip_\@:
.endm

/* The same without a stack, for exits that have two registers to spare. */
.macro SWITCH_TO_USER_CR3_NOSTACK scratch:req index:req label:req
  KAISER_SITE SITE_TO_USER .Lskip_\@
  KAISER_WINDOW_SITE label=\label\()_asked
  mov %cr3, \scratch
  MAKE_USER_CR3 cr3=\scratch index=\index
  .globl \label
\label:
  mov \scratch, %cr3
.Lskip_\@:
.endm

/*
 * For entries that may have interrupted entry code itself, where CR3 can be either: remember it in `save` and go to the
 * kernel's half. A design that asks for it (kaiser_asm_paranoid_by_cr3) looks at CR3 and not at the flag, so that a flag
 * which changes between this and RESTORE_CR3 cannot do harm; the naive patch skips both by the flag alone.
 */
.macro SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch:req save:req label:req
  testl $1, kaiser_asm_paranoid_by_cr3(%rip)
  jnz .Lread_\@
  KAISER_SITE SITE_SAVE .Lskip_\@
.Lread_\@:
  mov %cr3, \save
  test $CR3_SHADOW, \save
  jz .Lskip_\@
  mov \save, \scratch
  and $~CR3_HALF_MASK, \scratch
  or kaiser_asm_cr3_keep(%rip), \scratch
  .globl \label
\label:
  mov \scratch, %cr3
.Lskip_\@:
.endm

/* Back to what SAVE_AND_SWITCH_TO_KERNEL_CR3 found. Needs the kernel's GS. */
.macro RESTORE_CR3 scratch:req save:req label:req
  testl $1, kaiser_asm_paranoid_by_cr3(%rip)
  jz .Lby_flag_\@
  mov %cr3, \scratch
  xor \save, \scratch
  test $CR3_SHADOW, \scratch
  jz .Lskip_\@
  jmp .Lwrite_\@
.Lby_flag_\@:
  KAISER_SITE SITE_RESTORE .Lskip_\@
.Lwrite_\@:
  test $CR3_SHADOW, \save
  jz .Lkernel_\@
  MAKE_USER_CR3 cr3=\save index=\scratch
  jmp .Lready_\@
.Lkernel_\@:
  or kaiser_asm_cr3_keep(%rip), \save
.Lready_\@:
  .globl \label
\label:
  mov \save, %cr3
.Lskip_\@:
.endm

/* With SMAP the kernel must not run with the AC flag that user mode may have set. */
.macro CLEAR_AC
  testl $1, kaiser_asm_smap(%rip)
  jz .Lnosmap_\@
  clac
.Lnosmap_\@:
.endm

.macro FUNCTION name:req
  .globl \name
  .type \name, @function
\name:
.endm
.macro END_FUNCTION name:req
  .size \name, . - \name
.endm
