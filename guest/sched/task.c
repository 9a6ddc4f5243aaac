/* Making tasks, and finding them. */
#include "sched/task.h"

#include "entry/offsets.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/new_task.h"
#include "smp/spinlock.h"

_Static_assert(offsetof(struct task, kernel_rsp) == TASK_KERNEL_RSP, "entry/offsets.h");
_Static_assert(offsetof(struct registers, orig_rax) == REGS_ORIG_RAX, "entry/offsets.h");
_Static_assert(offsetof(struct registers, r11) == REGS_R11, "entry/offsets.h");
_Static_assert(offsetof(struct registers, rcx) == REGS_RCX, "entry/offsets.h");
_Static_assert(offsetof(struct registers, rdi) == REGS_RDI, "entry/offsets.h");
_Static_assert(offsetof(struct registers, ss) == REGS_SS, "entry/offsets.h");
_Static_assert(sizeof(struct registers) == REGS_SIZE, "entry/offsets.h");
_Static_assert(sizeof(struct task) <= PAGE_SIZE, "a task is allocated as a page");

struct task *task_list;
struct spinlock sched_lock;
static u32 next_pid = 1;

enum { STACK_ORDER = 2 };
_Static_assert(PAGE_SIZE << STACK_ORDER == KERNEL_STACK_SIZE, "mm/layout.h");

/* What switch_to pops from the stack of a task that has never run. */
struct switch_frame {
  u64 r15, r14, r13, r12, rbx, rbp, rip;
};
void ret_from_fork(void);

static void add_to_list(struct task *task)
{
  u64 flags = spin_lock_irq(&sched_lock);
  struct task **link = &task_list;
  while (*link) link = &(*link)->next;
  *link = task;
  spin_unlock_irq(&sched_lock, flags);
}

u64 task_stack_top(const struct task *task)
{
  return (u64)task->stack + KERNEL_STACK_SIZE;
}

struct registers *task_registers(const struct task *task)
{
  return (struct registers *)task_stack_top(task) - 1;
}

struct task *task_allocate(const char *name)
{
  struct task *task = page_alloc(0);
  if (!task) return NULL;
  task->stack = page_alloc(STACK_ORDER);
  if (!task->stack) {
    page_free(task, 0);
    return NULL;
  }
  task->pid = __atomic_fetch_add(&next_pid, 1, __ATOMIC_RELAXED);
  task->state = TASK_SLEEPING;
  task->only_cpu = NO_CPU;
  copy_string(task->comm, name, sizeof task->comm);
  return task;
}

void task_prepare(struct task *task, void (*function)(void *), void *argument)
{
  struct switch_frame *frame = (struct switch_frame *)task_registers(task) - 1;
  *frame = (struct switch_frame){ .rbx = (u64)function, .r12 = (u64)argument, .rip = (u64)ret_from_fork };
  task->kernel_rsp = (u64)frame;
  add_to_list(task);
}

void task_free_locked(struct task *task)
{
  struct task **link = &task_list;
  while (*link != task) link = &(*link)->next;
  *link = task->next;
  page_free(task->stack, STACK_ORDER);
  page_free(task, 0);
}

struct task *task_create_kernel(const char *name, void (*function)(void *), void *argument, u32 only_cpu)
{
  struct task *task = task_allocate(name);
  if (!task) panic("no memory for the task %s", name);
  task->only_cpu = only_cpu;
  task_prepare(task, function, argument);
  return task;
}

void task_init_idle(u32 cpu, void *stack)
{
  struct percpu *area = &percpu_areas[cpu];
  if (area->idle) {
    area->current = area->idle;
    area->kernel_stack_top = task_stack_top(area->idle);
    return;
  }
  struct task *task = page_alloc(0);
  if (!task) panic("no memory for the idle task of CPU %u", cpu);
  format_text(task->comm, sizeof task->comm, "idle/%u", cpu);
  task->stack = stack;
  task->only_cpu = cpu;
  task->state = TASK_RUNNING;
  area->idle = area->current = task;
  area->kernel_stack_top = task_stack_top(task);
  add_to_list(task);
}

struct task *task_find_locked(u32 pid)
{
  for (struct task *task = task_list; task; task = task->next)
    if (task->pid == pid) return task;
  return NULL;
}
