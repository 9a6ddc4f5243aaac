/*
 * What keeps a switch at run time from exploding, one by one. Each is the answer to one hazard and can be taken away with
 * kaiser_without= on the command line (a list with commas), or given to a design that lacks it with kaiser_with=.
 */
#ifndef KAISER_CURES_H
#define KAISER_CURES_H

#include "lib/types.h"

enum kaiser_cure {
  CURE_MIRROR,        /* set_pgd writes the shadow half even while KAISER is off */
  CURE_PREEMPT,       /* set_pgd cannot be interrupted between reading the policy and storing what follows from it */
  CURE_ATOMIC,        /* the walk that poisons cannot lose a concurrent change to an entry */
  CURE_MUTEX,         /* one toggle at a time */
  CURE_PARANOID,      /* paranoid entries go by CR3, not by what may change until they return */
  CURE_EXIT_WINDOW,   /* interrupts stay off between an exit's look at the flag and user mode */
  CURE_PARANOID_IRQS, /* and in handlers that have a CR3 to put back */
  CURE_PARANOID_EXIT, /* they put CR3 back even where GS needs no change */
  CURE_FLUSH,         /* every CPU drops all translations, of every PCID and global ones, when the switch is made */
  CURE_USER_PCIDS,    /* flushes of the users' PCIDs are noted even while KAISER is off */
  CURE_NONGLOBAL,     /* kernel pages are never global */
  CURE_VECTORS,       /* the same SYSCALL entry, on or off */
  CURE_ENTRY_STACK,   /* TSS.RSP0 is the entry stack, on or off */
  CURE_PGD_PAIR,      /* PGDs are always 8 KiB */
  CURE_FORK,          /* a copied address space is on the list before its PGD is filled */
  CURE_SHOOTDOWN,     /* who changes the poison of one mm flushes it on every CPU that may have it cached */
  CURE_DEFERRED,      /* static branches are set after they have been initialised */
  CURE_LDT,           /* LDTR points at a place that both halves map, on or off */
  CURE_OFFLINE,       /* CPUs that are not running are told as well */
  CURE_ORDER,         /* the poison is out, of tables and TLBs, before exits stop to switch */
  CURE_WAIT,          /* poison comes only when every CPU has been through an exit that has seen the flag */
  CURE_USER_RULE,     /* only entries of user mode are poisoned, not all low ones: the kernel itself runs on some of those */
  CURE_GS,            /* entries look at the CPU's word when GS is the kernel's, not before */
  CURE_ONE_WORD,      /* one look decides about bit 12 of CR3 and about the PCID */
  CURE_USER_CR3,      /* the CR3 that a CPU keeps ready for user mode is kept up to date while KAISER is off, too */
  CURE_AT_EXIT,       /* what user mode gets is decided on the way out; no task takes an older decision with it */
  CURE_RAW_POKE,      /* text that is patched with all CPUs stopped is just written; nobody is asked to answer */
  NR_CURES
};

/* Reads kaiser_without= and kaiser_with=; `lacks` are the cures that the design does without. Panics at an unknown name. */
void cures_init(u32 lacks);
bool has_cure(enum kaiser_cure cure);

#endif
