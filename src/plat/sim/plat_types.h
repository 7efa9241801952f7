/* SPDX-License-Identifier: MIT */
/* The simulator's face of plat.h: locks and conditions are only who holds them; fibers wait in the scheduler. */
#ifndef PLAT_TYPES_H
#define PLAT_TYPES_H

struct fiber;

struct plat_lock {
    struct fiber *holder;
};

struct plat_cond {
    int unused; /* its address is what fibers wait on */
};

struct plat_thread {
    struct fiber *fiber;
};

/* A place where the scheduler may switch to another fiber. */
void plat_point(void);

#endif
