/* Where a debugger finds the kernel's state without knowing its types: addresses and offsets, all 64 bits wide. */
#include "kaiser/cpu_entry_area.h"
#include "kaiser/kaiser.h"
#include "kaiser/sites.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "sched/task.h"
#include "smp/cross_call.h"
#include "smp/percpu.h"
#include "smp/stop_machine.h"

struct kaiserscope_abi {
  u64 magic;
  u64 nr_cpus_addr;         /* u32: CPUs online */
  u64 percpu_base_addr;     /* u64[MAX_CPUS]: base address of each CPU's area */
  u64 off_percpu_current;   /* in that area: pointer to the current task */
  u64 off_task_pid;         /* u32 */
  u64 off_task_comm;        /* char[16] */
  u64 off_task_mm;          /* pointer, null for kernel tasks */
  u64 off_mm_pgd;           /* virtual address of the kernel half; the shadow half is the next page */
  u64 tasks_head;           /* pointer to the first task */
  u64 off_task_next;        /* pointer to the next one, null at the end */
  u64 off_task_state;       /* u32: 0 running, 1 sleeping, 2 zombie */
  u64 kaiser_enabled_addr;  /* u32: the policy */
  u64 kaiser_flag_addr;     /* u32: what entry code tests */
  u64 kaiser_design_addr;   /* const char *: name of the design */
  u64 physmap_base;
  u64 cpu_entry_area_base;  /* of CPU 0 */
  u64 cpu_entry_area_stride;
  u64 init_pgd_phys_addr;   /* u64: physical address of the kernel's own root */
  u64 sites_start, sites_end; /* struct kaiser_site[] of kaiser/sites.h */
  u64 off_percpu_kaiser_word; /* u32: what this CPU tests, where the design asks each CPU's own word */
  u64 off_percpu_loaded_mm;   /* pointer to the mm whose tables CR3 has; null before the CPU has left the boot's tables */
  u64 off_percpu_offline;     /* bool: out of use, or about to be */

  /* What the TLBs may hold, mm/tlb.c. */
  u64 mm_list_addr;           /* pointer to the first mm */
  u64 init_mm_addr;           /* struct mm: the kernel's own, which is not on the list */
  u64 off_mm_next;            /* pointer to the next one, null at the end */
  u64 off_mm_ctx_id;          /* u64 */
  u64 off_mm_tlb_gen;         /* u64 */
  u64 off_percpu_flush_mask;  /* u64: bit n: the user PCID that goes with the kernel's PCID n is to be flushed before its next use */
  u64 off_percpu_asids;       /* struct asid[nr_asids]: ctx_id and tlb_gen, two u64; PCID n is entry n-1 */
  u64 nr_asids;

  /* u32 each, bit n: CPU n has not yet answered the shootdown, the call, the request to stop that is under way. */
  u64 tlb_unanswered_addr, call_unanswered_addr, stop_unanswered_addr;
};

extern const struct kaiserscope_abi kaiserscope_abi;
const struct kaiserscope_abi kaiserscope_abi = {
  .magic = 0x4b53434f50450003,
  .nr_cpus_addr = (u64)&nr_cpus,
  .percpu_base_addr = (u64)percpu_base,
  .off_percpu_current = offsetof(struct percpu, current),
  .off_task_pid = offsetof(struct task, pid),
  .off_task_comm = offsetof(struct task, comm),
  .off_task_mm = offsetof(struct task, mm),
  .off_mm_pgd = offsetof(struct mm, pgd),
  .tasks_head = (u64)&task_list,
  .off_task_next = offsetof(struct task, next),
  .off_task_state = offsetof(struct task, state),
  .kaiser_enabled_addr = (u64)&kaiser_enabled,
  .kaiser_flag_addr = (u64)&kaiser_asm_do_switch,
  .kaiser_design_addr = (u64)&kaiser_design_name,
  .physmap_base = PHYSMAP_BASE,
  .cpu_entry_area_base = CPU_ENTRY_AREA_BASE,
  .cpu_entry_area_stride = CPU_ENTRY_AREA_STRIDE,
  .init_pgd_phys_addr = (u64)&init_pgd_phys,
  .sites_start = (u64)__kaiser_sites_start,
  .sites_end = (u64)__kaiser_sites_end,
  .off_percpu_kaiser_word = offsetof(struct percpu, kaiser_word),
  .off_percpu_loaded_mm = offsetof(struct percpu, loaded_mm),
  .off_percpu_offline = offsetof(struct percpu, offline),
  .mm_list_addr = (u64)&mm_list,
  .init_mm_addr = (u64)&init_mm,
  .off_mm_next = offsetof(struct mm, next),
  .off_mm_ctx_id = offsetof(struct mm, ctx_id),
  .off_mm_tlb_gen = offsetof(struct mm, tlb_gen),
  .off_percpu_flush_mask = offsetof(struct percpu, user_pcid_flush_mask),
  .off_percpu_asids = offsetof(struct percpu, asids),
  .nr_asids = NR_ASIDS,
  .tlb_unanswered_addr = (u64)&tlb_unanswered,
  .call_unanswered_addr = (u64)&call_unanswered,
  .stop_unanswered_addr = (u64)&stop_unanswered,
};
