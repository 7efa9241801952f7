/* SPDX-License-Identifier: MIT */
/*
 * crew.h - a stage with a `loop` function, as its strand sees it: a window of items that are in tasks' hands, or done and waiting for
 * those in front of them.
 *
 *     inlet ==> input ==take==> [ slot slot slot ... ] ==release==> outlet
 *                                 oldest      newest
 *
 * The tasks themselves are the runtime's (weir/runtime.h), which knows nothing of batches, order, counts or edits; here nothing is known
 * of tasks. A crew's strand runs on its member's thread only, and only while it runs do tasks run: so all of this is the strand's,
 * but for what says otherwise.
 *
 * BOUNDARIES. Between two steps items are in the window. An edit that only reroutes what comes out is made there, and the items in the
 * window belong behind its cut. All other pills and edits wait until the window is empty (crew_drained), and nothing is taken in meanwhile.
 */
#ifndef CORE_CREW_H
#define CORE_CREW_H

#include <weir/runtime.h>

#include "core/run.h"

/* How the items that are still in front of a stage that leaves are dealt with; any thread stores, then nudges. */
enum hurry {
    HURRY_NOT,    /* all are worked on */
    HURRY_DIVERT, /* those that no task has go past it; those in hands are given up */
    HURRY_CANCEL, /* the same, but those that no task has fail */
};

enum slot_state { SLOT_TAKEN, SLOT_DONE, SLOT_FAILED, SLOT_WAITS };

struct weir_slot {
    struct weir_slot *next, *prev; /* in the window; or `next` in the list of free ones */
    enum slot_state state;
    bool sent;           /* of a blank one: what was allocated for has been put out */
    bool late;           /* given up: in no list, and freed when its task is done with it */
    struct batch *batch; /* the item is there; its `entry` counts the items that somebody may still look at. NULL: blank */
    uint32_t at;
    uint32_t attempt;
    uint64_t number, due_ns;    /* SLOT_WAITS: to be handed out again then */
    char *made;                 /* what was put out: a struct made_item and the item, one after the other */
    size_t made_len, made_size; /* bytes */
    struct weir_block **blocks; /* that it points into */
    struct weir_block *few[2];
    uint32_t block_count, block_capacity;
    char *message; /* SLOT_FAILED; NULL: no memory for it */
};

struct weir_crew {
    const weir_runtime *runtime;
    void *member;        /* set once */
    struct instance *in; /* set once */
    _Atomic(struct strand *)
        strand;          /* NULL: at rest. Its strand stores it, and fences and steps behind that (strand_activate); who
                                        nudges has changed something, then loads it: either the nudge finds the strand, or that
                                        first step finds the change */
    struct batch *input; /* what tasks take next */
    uint32_t at;         /* in it */
    struct weir_slot *first, *last; /* the window, oldest first */
    struct weir_slot *done;         /* of an unordered stage: done, in the order in which they are released */
    struct weir_slot **done_end;
    struct weir_slot *free;
    uint32_t out, window;  /* slots in use; how many may be */
    uint32_t waiting;      /* in SLOT_WAITS */
    uint32_t loose;        /* items put out without a slot in this step */
    bool room, wants_room; /* for those; somebody was refused */
    bool hungry;           /* somebody was refused an item for want of any */
    bool given_up;         /* the strand is broken: nothing is worked on any more */
    bool cancelled;        /* the member was told */
    struct weir_block *arena;
    _Atomic unsigned concurrency; /* as the plan in force has it; who edits stores, then nudges */
    _Atomic int hurry;            /* enum hurry; any thread stores, then nudges */
    _Atomic uint64_t hurry_at_ns; /* HURRY_CANCEL from then on; UINT64_MAX: never. The same */
    _Atomic uint64_t in_hands;    /* slots that tasks have; relaxed, for who looks */
    _Atomic bool leaves;          /* an edit has taken it out; the edit stores just behind its cut; a hint for the counts */
    counter drained, diverted, cut_short; /* from then on: items worked on, passed by, and given up */
};

/* On the editing thread, when the stage has been opened. NULL after weir_fail(). */
struct weir_crew *crew_new(struct instance *in, void *loops);
void crew_free(struct weir_crew *crew); /* NULL is fine. It has no tasks */
void crew_stop(struct weir_crew *crew); /* outside of the strand: its tasks are cancelled, and have returned afterwards */
int crew_resize(struct weir_crew *crew, unsigned concurrency); /* 0, or -1 after weir_fail() */
void crew_set_hurry(struct weir_crew *crew, enum hurry hurry, uint64_t at_ns);

extern const weir_runtime *crew_runtime; /* NULL: the process has none */

/* The strand's. */
void crew_adopt(struct weir_crew *crew, struct strand *s);
void crew_leave(struct weir_crew *crew, struct strand *s);
void crew_work(struct strand *s);      /* lets the tasks go on */
bool crew_release(struct strand *s);   /* sends what is done, in order, while there is room. Whether there was any */
bool crew_can_go_on(struct strand *s); /* without anything having to happen first */
bool crew_wants(struct strand *s);     /* another batch would be taken from */
void crew_feed(struct strand *s, struct batch *b);
bool crew_alive(const struct weir_crew *crew);
void crew_cancel(struct weir_crew *crew);
void crew_end(struct strand *s, bool cancel); /* no more items; again and again until crew_alive() says no */
bool crew_empty(const struct weir_crew *crew);
uint64_t crew_due(struct strand *s); /* when it must be looked at; UINT64_MAX: no time */

#endif
