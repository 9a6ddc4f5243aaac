/* exec: the process becomes one of the programs that are linked into the kernel's ELF (user/). */
#include "entry/offsets.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/percpu.h"

/* user/programs.c; all pointers are user addresses. */
struct user_program {
  const char *name;
  u64 main;
};
extern const struct user_program user_programs[];
extern char user_start[];
extern char __user_image_start[], __user_text_start[], __user_text_end[], __user_data_end[];

enum { MAX_ARGS = 8, ARGS_SIZE = 256, STACK_SIZE = 0x10000 };

/* Where the kernel finds what user programs see at `address`. */
static const void *in_image(const void *address)
{
  return __user_image_start + ((const char *)address - __user_text_start);
}

static const struct user_program *find_program(const char *name)
{
  const struct user_program *program = in_image(user_programs);
  for (; program->name; program++)
    if (strcmp(in_image(program->name), name) == 0) return program;
  return NULL;
}

static bool add_areas(struct mm *mm)
{
  u64 image = to_physical(__user_image_start);
  u64 text = (u64)__user_text_start, data = (u64)__user_text_end, end = (u64)__user_data_end;
  return area_add(mm, (struct area){ text, data, PROT_READ | PROT_EXEC, true, image }) &&
         area_add(mm, (struct area){ data, end, PROT_READ | PROT_WRITE, true, image + (data - text) }) &&
         area_add(mm, (struct area){ USER_END - STACK_SIZE, USER_END, PROT_READ | PROT_WRITE, false, 0 });
}

/* Puts the arguments on the new stack: the strings, and below them the array of pointers. Returns where that is, or 0. */
static u64 push_arguments(char *const *argv, int argc)
{
  u64 pointers[MAX_ARGS + 1];
  u64 at = USER_END;
  for (int i = 0; i < argc; i++) {
    size_t size = strlen(argv[i]) + 1;
    at -= size;
    if (!copy_to_user(at, argv[i], size)) return 0;
    pointers[i] = at;
  }
  pointers[argc] = 0;
  size_t size = (size_t)(argc + 1) * sizeof *pointers;
  at = ALIGN_DOWN(at - size, 16);
  return copy_to_user(at, pointers, size) ? at : 0;
}

static void use_mm(struct mm *mm)
{
  struct mm *old = current()->mm;
  u64 flags = local_irq_save();
  current()->mm = mm;
  switch_mm(mm);
  local_irq_restore(flags);
  if (old) mm_destroy(old);
}

int exec_program(struct registers *regs, const char *name, char *const *argv, int argc)
{
  const struct user_program *program = find_program(name);
  if (!program) return -ENOENT;
  struct mm *mm = mm_create();
  if (!mm) return -ENOMEM;
  mm->isolated = kaiser_enabled;
  if (!add_areas(mm)) {
    mm_destroy(mm);
    return -ENOMEM;
  }
  mm_publish(mm);
  /* No way back from here on. */
  use_mm(mm);
  current()->handler = 0;
  current()->in_handler = false;
  current()->pending_signals = 0;
  copy_string(current()->comm, name, sizeof current()->comm);
  u64 stack = push_arguments(argv, argc);
  if (!stack) do_exit(EXIT_KILLED);

  memset(regs, 0, sizeof *regs);
  regs->rip = (u64)user_start;
  regs->cs = USER_CS;
  regs->ss = USER_DS;
  regs->rflags = RFLAGS_IF;
  regs->rsp = stack;
  regs->rdi = program->main;
  regs->rsi = (u64)argc;
  regs->rdx = stack;
  return 0;
}

s64 sys_exec(struct registers *regs, u64 name, u64 argv)
{
  char program[16], text[ARGS_SIZE], *args[MAX_ARGS];
  if (!copy_string_from_user(program, name, sizeof program)) return -ENOENT; /* no program has so long a name */
  size_t used = 0;
  int argc = 0;
  for (;; argc++) {
    u64 from;
    if (!copy_from_user(&from, argv + (u64)argc * sizeof from, sizeof from)) return -EFAULT;
    if (!from) break;
    if (argc == MAX_ARGS) return -EINVAL;
    args[argc] = text + used;
    if (!copy_string_from_user(args[argc], from, sizeof text - used)) return -EINVAL;
    used += strlen(args[argc]) + 1;
  }
  return exec_program(regs, program, args, argc);
}
