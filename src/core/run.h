/* SPDX-License-Identifier: MIT */
/*
 * run.h - what the parts of a running strand know of each other: inlets.c brings a batch in, work.c takes it through the stages,
 * outlets.c sends what comes out, strand.c says when. All of it for whoever has the strand.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include "core/strand.h"

/* ---- inlets.c ---- */

/* What comes next, from whichever inlet may be read: a batch (*batch), a pill that concerns the strand as a whole (FLUSH when it has
 * come to all inlets, CUT with *change, END when all have ended), TURN for "look again", or NONE. */
enum pill inlets_take(struct strand *s, struct batch **batch, struct change **change);

/* What a strand that rests waits for. */
struct looks {
    size_t in_count, out_count;
    struct channel *ins[PORTS_MAX];
    uint64_t heads[PORTS_MAX]; /* what was taken; UINT64_MAX: only its closing matters */
    struct channel *outs[PORTS_MAX];
    struct channel *full; /* the outlet that has no room; NULL: not waited for */
    uint64_t tail;
    unsigned wakes;
    bool mailbox; /* an edit may be made */
};

void inlets_look(struct strand *s, struct looks *looks);
bool inlets_changed(const struct looks *looks);

/* ---- outlets.c ---- */

/* Behind the last stage: through which outlet, and to be sent. Takes the batch. */
void outlets_add(struct strand *s, size_t outlet, struct batch *b);

/* All that came of a batch that ended a turn is out: ends the turn on the outlet, or on all of them. */
void outlets_end_turn(struct strand *s);
void outlets_mark_turn(struct strand *s);

bool outlets_room(struct strand *s);           /* a step may begin; else s->room_at says what is full */
bool outlets_send(struct strand *s, bool all); /* sends what there is; `all`: also what might still grow. False: no room */
void outlets_flush(struct strand *s);          /* a flush pill goes out behind what there is */
void outlets_close(struct strand *s, enum pill last);

/* ---- strand.c ---- */

/* Around every call of a function that items are handed to. False: the strand was seized meanwhile; nothing of it may be touched. */
static inline void work_enter(struct strand *s, struct batch *b, size_t stage, uint32_t at, uint32_t kept, bool whole)
{
    s->hand = (struct hand){b, stage, at, kept, whole};
    at_release(&s->inside, true); /* pairs with strand_seize(): the hand is written */
}
bool strand_found(struct strand *s);
static inline bool work_leave(struct strand *s)
{
    at_release(&s->inside, false);
    if (!plat_can_fence_all())
        plat_fence();
    return !at_acquire(&s->lost) || strand_found(s); /* who seizes fences for all between the two: see there */
}

/* ---- work.c ---- */

void work_batch(struct strand *s, struct batch *b); /* takes it through the program */
bool work_again(struct strand *s);                  /* goes on with what waits to be tried again. False: it still waits */
void work_forget(struct weir_out *out);             /* what a function put out that nobody will take */
int work_pull(struct strand *s);                    /* one call of the source; what pull says */

/* For crew.c, of its strand's one stage. What is put out between mark and count, or unmark (which takes it back), is one item's. */
void work_begin(struct strand *s,
                struct instance *in); /* functions of it are about to run; what they put out is counted by made */
void work_made(struct strand *s, struct instance *in);
void work_mark(struct instance *in, uint32_t *open); /* PORTS_MAX of them */
void work_unmark(struct instance *in, const uint32_t *open);
void work_count(struct strand *s, struct instance *in, uint64_t number);
void work_send(struct strand *s, struct instance *in);      /* to the outlets */
void work_send_full(struct strand *s, struct instance *in); /* only what is full */
bool work_pass(struct strand *s, struct instance *in, const struct batch *b, const void *item, uint64_t number); /* as it is */
void work_see(struct strand *s, struct instance *in, bool out, const void *item, const weir_type *type, uint64_t number,
              int verdict);
void work_stop(struct strand *s, size_t i); /* after weir_fail(): whatever the policy */
/* After weir_fail(). `leaves`: a policy to stop does not stop the pipeline, since the stage leaves. */
void work_fail_item(struct strand *s, size_t i, const weir_type *type, const void *item, uint32_t attempts, bool leaves);
bool work_has_tries(const struct strand *s, const struct instance *in, uint32_t attempt);
uint64_t work_backoff(struct strand *s, const weir_retry *retry, uint32_t attempt); /* ns */
void work_make(struct strand *s, size_t i, int (*function)(void *, weir_out *));    /* a flush or tick of stage i */

#endif
