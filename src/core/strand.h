/* SPDX-License-Identifier: MIT */
/*
 * strand.h - a run of stages fused into one loop, and the one wake-up there is: strand_kick().
 *
 * A strand takes a batch from its channel (or has its source make one), runs it through its program, and puts what comes out into
 * the next channel. At most one thread runs it at a time, and only that thread changes it; that is what `state` is for:
 *
 *        activate        kick            begin            rest, if a last look finds nothing
 *   FREE ------> IDLE ---------> READY ---------> RUNNING ---------------------------------> IDLE
 *                 |                |               | |
 *                 | hold           | hold          | | over          hold: from CALL too
 *                 v                v    enter_call v v
 *                HELD <----------------------- CALL  ENDED           release: to CALL, or to READY
 *
 * A kick matters only to an IDLE strand: who runs a strand looks at everything once more before it lets go (strand_rest).
 * CALL is a blocking strand inside a stage's function: nothing of the strand but its program is in use, so an edit may take hold
 * of it and reroute what will come out, without waiting for the function. HELD is that: the committing thread is the strand's
 * one thread for a moment.
 *
 * BOUNDARIES. Between two batches no item is inside the program (but while a failed item waits to be tried again, and then there
 * is no boundary until it is through). There the strand looks at its mailbox: an edit's change, applied
 * at once, never behind queued data. A change that comes as a `cut` pill is applied where it stands in the stream.
 */
#ifndef CORE_STRAND_H
#define CORE_STRAND_H

#include <weir/runtime.h>

#include "core/env.h"
#include "core/ports.h"

enum { STRAND_FREE, STRAND_IDLE, STRAND_READY, STRAND_RUNNING, STRAND_CALL, STRAND_HELD, STRAND_ENDED, STRAND_STATES = 8 };

/* The word `state` is one of these, plus STRAND_STATES for each life that the strand has had before: so a thread that knew an
 * earlier life changes nothing in a later one. */
static inline unsigned strand_base(unsigned state)
{
    return state % STRAND_STATES;
}

/* The stages of a strand, in order. Immutable once a strand has it. */
struct program {
    size_t count;
    struct instance *stages[];
};

/* A stage that a strand lets go of. Written down in the change: a later edit may have other plans with the stage by then. */
struct leaver {
    struct instance *in;
    bool for_good; /* it is closed; else it comes to rest, or another stage runs it from then on */
};

/*
 * One strand's part of an edit. Made by the edit, applied once by the strand, read by the edit afterwards. There are three sorts:
 * the entry's, which comes by mailbox; a cut's, which is applied when it has come to all inlets; and a soft one, which only lets
 * one inlet go on with another channel.
 */
struct change {
    struct edit_record *record;
    struct strand *strand;   /* whose part this is */
    struct program *program; /* new program, or NULL: the same. After applying: the old one, to be freed by the edit */
    struct ports *ports;     /* new ports, or NULL: the same. After applying: the old ones */
    bool retire;             /* the strand ends here */
    bool by_cut;             /* comes as a pill; else by mailbox */
    bool soft;               /* by_cut: the inlet goes on with the channel's `next` (NULL: with nothing), and that is all */
    struct instance **flush; /* stages that put out what they hold before the cut, so that it meets the old plan only */
    size_t flush_count;
    struct leaver *leave; /* stages that are dismissed */
    size_t leave_count;
    bool user_code;         /* a stage's flush, take_over or close will be called */
    struct strand **starts; /* new strands that may run from now on */
    size_t start_count;
    struct gate *gate;      /* waits for this one too; NULL: none does */
    struct instance *mark;  /* whose count at the cut is the cut's position: */
    bool mark_put;          /* `put` of the stage in front of the edit's place, else `taken` of the one behind it */
    struct instance *after; /* the first stage behind the place in the new plan; NULL: none */
    uint64_t position;      /* set when applied */
    uint64_t after_base;    /* set when applied: what `after` had taken before */
    uint64_t applied_ns;
    _Atomic bool applied; /* strand stores (release), edit loads (acquire) and then reads the fields above */
};

/*
 * What new strands wait for that take over stages, or stages' state, from several old ones: each old one subtracts one (acq_rel)
 * when it has made its part, and who leaves 0 hands the states over, lets go of their old owners, and starts the new strands.
 */
struct gate {
    _Atomic size_t remaining;
    struct strand **starts;
    size_t start_count;
    struct leaver *owners; /* whose state was handed over. Each is an `heir_of` of a stage that starts here */
    size_t owner_count;
};

/* A batch that waits inside the program, see work.c. */
struct again {
    struct batch *batch; /* NULL: nothing waits */
    size_t stage;        /* where it failed */
    uint32_t at, kept;   /* the item, and how many in front of it stay */
    uint32_t attempt;    /* that comes next, from 1 up */
    uint64_t due_ns;
    struct batch_list waiting; /* what came behind it; batch.entry says where it goes in */
    struct batch_list older;   /* while an item is tried again: what waited before */
};

/* Stages are being flushed, one after the other; an item that is to be tried again may come between. */
struct flushing {
    enum { FLUSH_NONE, FLUSH_PILL, FLUSH_CHANGE, FLUSH_END } why;
    size_t at;             /* the next stage */
    struct change *change; /* FLUSH_CHANGE: what is made afterwards */
};

/* What a strand has in its hands while a stage's function runs: written before `inside` is set. */
struct hand {
    struct batch *batch;
    size_t stage;
    uint32_t at, kept; /* the item, and how many in front of it stay */
    bool whole;        /* all of the batch is in the function's hands */
};

struct strand {
    _Alignas(64) _Atomic unsigned state; /* others write it at every kick: a line of its own */
    _Alignas(64) struct env *env;        /* set once */
    unsigned id;                         /* set once */
    bool blocking;                       /* set before activation: has a thread of its own */
    struct program *program;             /* who runs it */
    struct ports *ports;                 /* who runs it */
    struct weir_crew *crew; /* of its one stage, if that has a `loop`; set before activation, and looked at by who kicks */
    _Atomic(struct change *) mailbox; /* edit stores, strand takes; Dekker with `state` CALL, see enter_call() */
    bool waits_input, waits_room;     /* who runs it: what the last step missed, if it said RESTS */
    size_t room_at;                   /* who runs it: the outlet that has no room */
    size_t in_port;                   /* who runs it: the inlet that the batch at hand came through */
    unsigned wakes_seen;              /* who runs it */
    _Atomic unsigned wakes;           /* counted up by who wants it to look at something that is not a channel or the mailbox */
    bool ends_turn;                   /* who runs it: the batch at hand was the last of its turn */
    bool open_turn;                   /* who runs it: something was put out since it last marked a turn (outlets_mark_turn) */
    bool at_end;                      /* who runs it: nothing more comes in; what is left is to end */
    _Atomic bool finishing; /* strand stores it, then loads pins; who pins adds, then loads this: one sees the other */
    _Atomic unsigned pins;
    size_t broken;            /* who runs it: stages [0, broken) take no more items: they are returned */
    size_t fail_from;         /* who runs it: see weir_fail_from() */
    struct again again;       /* who runs it */
    struct flushing flushing; /* who runs it */
    struct hand hand;         /* who runs it; who seizes it */
    _Atomic bool inside;      /* in a stage's function. Strand stores it, then loads `lost`; see strand_seize() */
    _Atomic bool lost;        /* who seizes it stores it, fences for all, then loads `inside` */
    bool making;              /* who runs it: in what a flush or a tick puts out; who seizes it reads it, as the hand */
    bool gone;                /* who runs it: it has found itself lost, and owns nothing but `hand` and its stage */
    uint64_t random;          /* who runs it: for jitter */
    uint64_t put_at_call;     /* who runs it: what a blocking stage had put out before the call; the holder reads it */
    uint64_t tick_ns;         /* who runs it: when the next tick is due; UINT64_MAX: there are none */
    struct store store;       /* who runs it */
    struct returns returns;   /* who runs it: batches on their way back to where they came from */
    _Atomic int cpu;          /* where it ran last: its thread stores, anybody reads; a hint, relaxed */
    _Atomic(struct instance *) current; /* whose function is running, for "held up by"; relaxed */
    _Atomic uint64_t at_item;     /* number of the item at hand, or the first of the batch, for messages; 0: none; relaxed */
    _Atomic uint64_t call_due_ns; /* when the call of a stage with a time limit is to be interrupted; UINT64_MAX: none; who
                                           keeps time takes it; relaxed */
    _Atomic uint64_t busy_ns, run_ns; /* time spent running before, and when this run began (0: it does not); relaxed */
    _Atomic unsigned flushes_asked;   /* any thread */
    unsigned flushes_done;            /* who runs it */
    _Atomic unsigned cuts_pending;    /* changes of this strand that wait for a cut; the edit adds, the strand subtracts */
    _Atomic unsigned cuts_due;        /* those among them that are not soft */
    _Atomic uint64_t due_ns;          /* when to kick it for a tick or a repetition; who keeps time stores UINT64_MAX when
                                           kicking; any thread */
    struct plat_lock hold;            /* held by whoever holds the strand in HELD, so that it can be waited for */
    unsigned held_from;               /* the holder's */

    /* exec's, under its lock */
    struct exec *exec;
    weir_turn turn; /* the runtime's: of a strand with a crew */
    struct strand *queue_next;
    struct plat_thread thread;
    struct plat_cond wake;
    bool has_thread, thread_ready, quit, thread_over;
    struct strand *pool_next; /* in the supply of free strands */
    struct strand *all_next;  /* set once, in the list of all strands */
};

enum strand_says { STRAND_RESTS, STRAND_GOES_ON, STRAND_OVER };

int strand_init(struct strand *s, struct env *env, unsigned id); /* 0 or -1 */
void strand_reset(struct strand *s); /* for another use: to FREE; nobody runs it, stale kicks may still come */
void strand_destroy(struct strand *s);

/* FREE -> IDLE, then a kick. The strand's program and ports are set. */
void strand_activate(struct strand *s);

/* Makes sure that the strand looks at its mailbox and channels as they were before the call, or later. Any thread, any time, never
 * waits. strand_wake() is the same for who has fenced already; strand_nudge() also makes it take a step if there is nothing. */
void strand_kick(struct strand *s);
void strand_wake(struct strand *s);
void strand_nudge(struct strand *s);

/* Who runs strands: begin, run until it rests or is over, rest. */
void strand_begin(struct strand *s);
enum strand_says strand_run(struct strand *s, unsigned steps);
bool strand_pending(struct strand *s);     /* after STRAND_RESTS: there is something to do after all */
bool strand_quick(const struct strand *s); /* one of its channels is quick: resting is dear */
bool strand_rest(struct strand *s);        /* false: run it again. True: it is not ours any more */
void strand_yield(struct strand *s);       /* RUNNING -> READY; the caller queues it */

/* The edit's side. Posting applies the change on the calling thread if the strand is idle or in a call and that is possible; else
 * the strand applies it at its next boundary. One change at a time. */
void strand_post(struct strand *s, struct change *change);
struct change *strand_withdraw(struct strand *s); /* NULL: the strand has it already */

/* Keeps the strand from ending, so that it will surely take the change that is posted next. False: it has ended, or is about to. */
bool strand_pin(struct strand *s);
void strand_unpin(struct strand *s);

enum seized { SEIZED, SEIZED_NOT, SEIZED_NO_MEMORY };

/*
 * Takes everything away from a strand that is stuck inside the function of stage `stuck`, and gives it to `heir`, a FREE strand whose
 * program is the same without that stage: the ends of its channels, what waits to be sent, and what of the batch at hand is not in the
 * function's hands: that goes past the stage. *late: how many items are. If the function ever returns, the strand
 * counts those as failed, lets go of the stage, and ends. The caller activates the heir.
 * SEIZED_NOT: it is not inside that function, or stands behind a stage that is in the middle of its own work.
 */
enum seized strand_seize(struct strand *s, struct instance *stuck, struct strand *heir, uint64_t *late);

/* Whether the calling thread is inside a stage's function of a strand in this env. */
bool strand_inside(const struct env *env);

/* out.c: moves the batch that a stage is filling to the end of the sealed ones; lets go of what is kept for filling more. */
void out_seal(struct weir_out *out);
void out_discard(struct weir_out *out);

/* Puts out a copy of the item. NULL: no memory. */
void *out_copy(struct weir_out *out, const weir_type *type, const void *item);

/* Takes back what a failing call has put out: all beyond the first `count` items of the batch that was open before it. */
void out_rewind(struct weir_out *out, uint32_t count);

#endif
