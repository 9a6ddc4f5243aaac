/* The address space of a process. A process has one thread, so only its own task changes its areas and tables. */
#ifndef MM_MM_H
#define MM_MM_H

#include "entry/registers.h"
#include "lib/types.h"

#define MAX_AREAS 16

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };

/* A range of user addresses with one kind of content; areas do not overlap. */
struct area {
  u64 start, end;   /* page aligned; start == end: unused slot */
  u32 prot;
  bool image;       /* content: the user image, from `image_physical` on; otherwise zeros */
  u64 image_physical;
};

struct mm {
  u64 *pgd;         /* the kernel half; the shadow half is the page behind it */
  struct mm *next;  /* list of all, for walks over every PGD; under mm_list_lock */
  u64 ctx_id;       /* never used twice; tells CPUs whose translations a PCID holds */
  u64 tlb_gen;      /* counts changes that a CPU must flush; see mm/tlb.c */
  u64 *ldt;         /* a page of descriptors, or null; mm/ldt.h */
  u64 ldt_base;     /* where LDTR points */
  bool isolated;    /* designs with a state for each process: this one switches CR3 */
  u32 cpus;         /* bit n: CPU n has this mm loaded */
  struct area areas[MAX_AREAS];
};

extern struct mm init_mm;
extern struct mm *mm_list;
extern struct spinlock mm_list_lock;

/* An empty address space with the kernel's half of the tables, or null. */
struct mm *mm_create(void);
/* After its PGD has got its first entries: where CURE_FORK is missing, only now a toggle of KAISER finds it. */
void mm_publish(struct mm *mm);
/* Puts it on mm_list; the two above do that at the right time for a process. */
void mm_link(struct mm *mm);
/* Frees it with everything in it. No task may have it any more; interrupts must be on. */
void mm_destroy(struct mm *mm);
/* Makes `child`, fresh from mm_create, a copy on write of `parent`, the current mm. Returns 0 or -ENOMEM. */
int mm_copy(struct mm *child, struct mm *parent);

struct area *area_find(struct mm *mm, u64 address);
/* Adds an area; false when all slots are taken. */
bool area_add(struct mm *mm, struct area area);

/* System calls: anonymous memory only. mmap returns the address, or an error number. */
s64 mm_mmap(struct mm *mm, u64 length, u32 prot);
s64 mm_munmap(struct mm *mm, u64 start, u64 length);

/* mm/fault.c: makes `address` accessible as the error code of the page fault asks; false when it may not be. */
bool mm_handle_fault(struct mm *mm, u64 address, u64 error);

#endif
