#pragma once
#include "probe.h"

/* A far transfer through a frame or pointer in memory. */
struct transfer { const char *name, *code; int size, flags, stack, compat; };
enum { TRANSFERS = 10 };
extern const struct transfer transfers[TRANSFERS];

struct frame { u64 rip, cs, rflags, rsp, ss; };

/* Puts the frame where the transfer takes it from and gives the registers to start with. */
struct context make_transfer(const struct transfer *, int cpl, const struct frame *);
/* Code that ends a probe, reachable at the privilege level of the selector. */
u64 landing_for(u64 cs);
/* The same within 16 bits, for CPL 0 to 2. */
#define LANDING16 0x1000UL
