/* The kinds of places in entry code that ask whether KAISER is on, for C and assembly. */
#ifndef KAISER_SITE_KINDS_H
#define KAISER_SITE_KINDS_H

#define SITE_TO_KERNEL 0 /* entry: to the kernel's half */
#define SITE_TO_USER 1   /* exit: to the shadow half */
#define SITE_SAVE 2      /* paranoid entry, where it does not go by CR3 alone */
#define SITE_RESTORE 3   /* paranoid exit, likewise */
#define SITE_CR3_TEST 4  /* entry: is the kernel's half loaded already? */

#define SITE_WINDOW 5    /* exit: behind the question, where interrupts must stay off */

/* Bytes of a site: the first four kinds, and the last two. */
#define SITE_LENGTH 15
#define SITE_CR3_LENGTH 11
#define SITE_WINDOW_LENGTH 3

#endif
