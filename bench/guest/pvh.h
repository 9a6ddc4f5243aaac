/* The beginning of a guest by PVH: `start` in 32-bit code with flat segments, ESP at stack_end. */
  .section .note.pvh, "a", @note
  .long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
  .ascii "Xen\0"
  .long start

  .text
  .code32
  .globl start
start:
  mov $stack_end, %esp
