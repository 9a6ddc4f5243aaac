/*
 * The places in entry code that ask whether KAISER is on (KAISER_SITE in entry/calling.h), and how they ask. Each is 15
 * bytes which take one of four forms:
 *
 *   tests the flag      testb $1, kaiser_asm_do_switch(%rip); jz skip
 *   tests the CPU word  testb $1, %gs:PERCPU_KAISER_WORD; jz skip
 *   switches            NOPs: on
 *   skips               jmp skip: off
 *
 * The last two differ in their first five bytes, one instruction: that is what is patched at run time.
 */
#ifndef KAISER_SITES_H
#define KAISER_SITES_H

#include "kaiser/site_kinds.h"
#include "lib/types.h"

struct kaiser_site {
  u64 address, skip;
  u32 kind, length;
};
extern const struct kaiser_site __kaiser_sites_start[], __kaiser_sites_end[];

enum site_form { SITE_TESTS_FLAG, SITE_TESTS_CPU_WORD, SITE_SWITCHES, SITE_SKIPS };

enum { SITE_PATCH = 5 };

/* The bytes of a site in a form. */
void site_bytes(const struct kaiser_site *site, enum site_form form, u8 bytes[SITE_LENGTH]);

/* Writes the sites for the chosen design, before any other CPU and any process runs. */
void sites_init(bool on);

/*
 * Rewrites all sites of these kinds (a mask of BIT(SITE_...)) as on or off. Only the caller must be running: nobody may come by a site meanwhile,
 * and every CPU must serialize before it does.
 */
void sites_patch(u32 kinds, bool on);

/* The same while the other CPUs run, by INT3 (smp/text_poke.h): all at once, or `one_by_one`. May sleep. */
void sites_patch_live(u32 kinds, bool on, bool one_by_one);

#endif
