/* SPDX-License-Identifier: MIT */
/*
 * weir/weir.h - embed the engine: build a pipeline of functions, run it, and edit it while data flows.
 *
 *     weir_pipeline *p = weir_new("demo");
 *     weir_append(p, &source);                   a chain: source, then functions, then a sink
 *     weir_append(p, &shout);
 *     weir_append(p, &sink);
 *     weir_start(p);
 *     weir_insert_after(p, "shout", &trim, NULL);   data is flowing, nothing stops
 *     weir_pop(p, "shout", NULL);
 *     int status = weir_drain(p);                waits for the end of the data
 *     weir_free(p);
 *
 * THE LIFE OF A PIPELINE. new -> append, add, connect -> start -> edits, at any time -> it ends when its source ends, when
 * weir_close() or weir_stop() is called, or when a stage fails whose policy is WEIR_STOP -> free.
 *
 * THREADS. Every function may be called from any thread. From inside a stage's function, the calls that wait (weir_commit,
 * the one-call edits, weir_drain, weir_stop, weir_settle, weir_free) answer WEIR_EINSIDE, since they would wait for
 * themselves; weir_commit_async, weir_close, weir_wake and everything that only looks are fine there.
 *
 * OWNERSHIP. The library copies stage descriptions and names. A stage's `state` is lent until the stage's `close` was called.
 *
 * ERRORS. Functions return WEIR_OK (0) or a negative weir_status; weir_error() then has a sentence for a person: what, where,
 * which value, what was expected. A call that fails has changed nothing. Nothing in this library ends the process.
 *
 * GUARANTEES. docs/guarantees.md states them; in one line: no item lost, doubled, out of order or between two versions of an
 * edit, and no waiting of the data for an edit.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION "0.1.0"

typedef struct weir_pipeline weir_pipeline;
typedef struct weir_edit weir_edit;

typedef enum weir_status {
    WEIR_OK = 0,
    WEIR_EREFUSED = -1,  /* the wiring would not be sound: unknown stage, name in use, types that do not fit, ... */
    WEIR_ECONFLICT = -2, /* the edit expected another revision */
    WEIR_EBUSY = -3,     /* the edit was withdrawn at its deadline; weir_error() names the stage that held it up */
    WEIR_ENOMEM = -4,
    WEIR_ESTAGE = -5,  /* a stage's open failed, or (from weir_drain) a stage failed an item and its policy is WEIR_STOP */
    WEIR_EINSIDE = -6, /* a waiting call from inside a stage's function */
    WEIR_EENDED = -7,  /* the pipeline has ended, or is about to */
    WEIR_ESYSTEM = -8, /* the operating system refused a thread */
} weir_status;

/* ---- a pipeline ------------------------------------------------------------------------------------------------------- */

/* Zero means the default. */
typedef struct weir_config {
    unsigned workers;       /* threads that run strands; default: one a core */
    unsigned batch_items;   /* items in a full batch; default 256, or fewer for large items */
    unsigned queue_batches; /* batches in a full channel; default 64 */
    unsigned loops;         /* threads that run the tasks of `loop` stages; started with the first of them; default 1 */
    size_t batch_bytes;     /* bytes of variable-size data at which a batch counts as full; default 256 KiB */
    void *reserved[8];      /* zero */
} weir_config;

/* A new, empty pipeline; name (1 to 63 bytes) is copied. NULL when there is no memory. Release with weir_free(). */
WEIR_API weir_pipeline *weir_new(const char *name);

/* Before weir_start() only, else WEIR_EREFUSED. */
WEIR_API int weir_configure(weir_pipeline *p, const weir_config *config);

/* Before the start: puts the stage behind the stage that was appended last. Takes the stage: `close` is called once in any
 * case. WEIR_EREFUSED, WEIR_ENOMEM. After the start: an edit that puts it behind the last stage (refused behind a sink). */
WEIR_API int weir_append(weir_pipeline *p, const weir_stage *stage);

/* Adds a stage that nothing leads to yet; weir_connect() leads data to it later. It is opened at the start, or now if the
 * pipeline runs. Takes the stage. */
WEIR_API int weir_add(weir_pipeline *p, const weir_stage *stage);

/* Before the start: checks the wiring as weir_start() would, and opens nothing. WEIR_EREFUSED. */
WEIR_API int weir_check(weir_pipeline *p);

/* Opens every stage, checks the wiring and starts. On failure every opened stage is closed again and the pipeline can only be
 * freed. WEIR_EREFUSED (no stage, no source, no sink, types), WEIR_ESTAGE (an open failed), WEIR_ENOMEM, WEIR_ESYSTEM. */
WEIR_API int weir_start(weir_pipeline *p);

/* No new work: the sources stop, what was admitted still arrives. Returns at once; twice is fine; allowed inside a stage. */
WEIR_API void weir_close(weir_pipeline *p);

/* Waits until the pipeline has ended by itself or after weir_close(). WEIR_OK: every item reached its end; WEIR_ESTAGE: a
 * stage failed and weir_error() says which, on which item, and why. Starts the pipeline if that was not done. */
WEIR_API int weir_drain(weir_pipeline *p);

/* weir_drain(), under the name that a main function reads best with. */
WEIR_API int weir_run_to_end(weir_pipeline *p);

/* weir_close(), then weir_drain(). */
WEIR_API int weir_stop(weir_pipeline *p);

/* Ends the pipeline without letting what is on its way arrive: it is counted as returned. Returns at once. */
WEIR_API void weir_abort(weir_pipeline *p);

/* True once every stage was closed. Never waits. */
WEIR_API bool weir_ended(weir_pipeline *p);

/* Ends a running pipeline as weir_abort() does, waits for its stages' functions to return, and releases everything. NULL is
 * fine. Must not be called inside a stage's function (it would wait for itself: the call is then ignored). */
WEIR_API void weir_free(weir_pipeline *p);

/* Calls the pull function of a source that said WEIR_IDLE again. WEIR_EREFUSED for an unknown stage. */
WEIR_API int weir_wake(weir_pipeline *p, const char *stage);

/* The sources rest until weir_resume(); what was admitted goes on, and edits are made as ever. Returns at once; twice is fine. */
WEIR_API void weir_pause(weir_pipeline *p);
WEIR_API void weir_resume(weir_pipeline *p);
WEIR_API bool weir_paused(weir_pipeline *p);

/* Sends a flush pill from the source: each stage puts out what it holds, in stream order. Returns at once; several requests
 * that the source has not seen yet become one. */
WEIR_API int weir_flush(weir_pipeline *p);

/* The calling thread's last error message in this library; never NULL, valid until the thread's next failing call. */
WEIR_API const char *weir_error(const weir_pipeline *p);

/* ---- edits ------------------------------------------------------------------------------------------------------------ */

/* What an edit did. The place of an edit is the link in front of the first stage that it changes. */
typedef struct weir_receipt {
    uint64_t revision;     /* of the plan in force after the edit */
    bool changed;          /* false: the plan was so already; nothing was done */
    uint64_t position;     /* the cut: how many items had passed the edit's place before it since the stage in front started */
    uint64_t items_before; /* the same number: items that met the old revision there */
    uint64_t items_after;  /* items that had met the new revision there by the time the call returned */
    uint64_t prepare_ns;   /* checking, opening, allocating; nothing was touched yet */
    uint64_t effect_ns;    /* from the call until the cut was made */
    uint64_t total_ns;     /* from the call until it returned */
    uint64_t late;         /* items that stages popped with divert had in their hands */
    bool pending; /* the edit is committed, but strands that share its cut have not all come to it within its time limit */
    char held_up_by[64];   /* the stage that the edit waited for, or "" */
    uint64_t held_up_item; /* the number of the item that it was working on, 0 if that is not known */
    uint64_t held_up_ns;   /* since when, before now */
    uint64_t drained;      /* of `loop` stages that left: items that their tasks finished, from just after the cut on, */
    uint64_t diverted;     /* that went past them, */
    uint64_t
        cancelled; /* and that were given up. Complete in weir_history() once the stage has been closed; see weir_settle() */
    void *reserved[1];
} weir_receipt;

/* A transaction. The operations are collected and checked one by one against the plan as the earlier ones would leave it; the
 * first error is kept and weir_commit() reports it. All take effect at one cut, or none does.
 *
 * weir_edit_begin() lends the pipeline; NULL when there is no memory. weir_commit(), weir_commit_async() and
 * weir_edit_discard() each take the edit. */
WEIR_API weir_edit *weir_edit_begin(weir_pipeline *p);

/* The edit fails with WEIR_ECONFLICT if the revision in force at the commit is another. */
WEIR_API void weir_edit_expect(weir_edit *e, uint64_t revision);

/* How long the commit may wait for a stage's function to return before the edit is withdrawn (WEIR_EBUSY). Default 0: no limit. When
 * the cut has begun the edit can't be withdrawn any more: then the commit answers that it is made, and `pending`. */
WEIR_API void weir_edit_timeout(weir_edit *e, uint64_t timeout_ms);

/* A name for the edit, 1 to 63 bytes: an edit whose id is in the history is not made again: the commit answers with the receipt
 * that it got the first time. For those who repeat a request because they did not hear the answer. */
WEIR_API void weir_edit_id(weir_edit *e, const char *id);

/* Who makes the edit and what it is in words, for the history. Both are copied; either may be NULL. */
WEIR_API void weir_edit_note(weir_edit *e, const char *who, const char *what);

/* Each takes the stage (its `close` is called once in any case) and returns WEIR_OK or the error that the commit will report.
 * `first` is the place behind the source, `last` the place in front of the sink, or the very end if there is none. */
WEIR_API int weir_edit_insert_before(weir_edit *e, const char *where, const weir_stage *stage);
WEIR_API int weir_edit_insert_after(weir_edit *e, const char *where, const weir_stage *stage);
WEIR_API int weir_edit_insert_first(weir_edit *e, const weir_stage *stage);
WEIR_API int weir_edit_insert_last(weir_edit *e, const weir_stage *stage);

/* The stage leaves: its neighbours are joined, it gets `flush` after the last item that can reach it, then `close`. */
WEIR_API int weir_edit_pop(weir_edit *e, const char *name);

/* The same for a stage with a `loop`, whose tasks finish what is in front of the cut for so many milliseconds; then they are cancelled, and
 * what is left counts as failed (or leaves as dead letters). The commit does not wait for that. */
WEIR_API int weir_edit_pop_within(weir_edit *e, const char *name, uint64_t ms);

/* The same for a stage that may be stuck in its function: the edit does not wait for it. What waits in front of it goes past it;
 * the item in its hands (of a stage that is not `blocking`: its batch) is reported in the receipt, and if the function ever returns,
 * it has come too late: it is counted as failed. The stage is closed then, without a flush. A stage that is stuck in what a tick or a
 * flush has put out is popped as by weir_edit_pop(). Of a stage with a `loop`, the items that no task has taken go past it, and the
 * tasks are cancelled. No more than the one operation fits into such an edit. */
WEIR_API int weir_edit_divert(weir_edit *e, const char *name);

/* A pop and an insert in the same place. The new stage may have the old one's name. If both have the same state_type the new one
 * takes the state over; if the old one has one and the new one has not the same, the edit is refused, since state would be lost:
 * weir_edit_replace_fresh() says that it may. */
WEIR_API int weir_edit_replace(weir_edit *e, const char *name, const weir_stage *stage);
WEIR_API int weir_edit_replace_fresh(weir_edit *e, const char *name, const weir_stage *stage);

/* The stage is taken from its place and put behind `where` (which may say a port: "tee:a"), or in front of it. It keeps its state. */
WEIR_API int weir_edit_move_after(weir_edit *e, const char *name, const char *where);
WEIR_API int weir_edit_move_before(weir_edit *e, const char *name, const char *where);

/* How many lanes the stage's pool has from now on; 1: no pool. At most 64. Of a stage with a `loop`: its concurrency; at most 100,000. */
WEIR_API int weir_edit_scale(weir_edit *e, const char *name, unsigned lanes);

/* A stage that nothing leads to yet. */
WEIR_API int weir_edit_add(weir_edit *e, const weir_stage *stage);

/* Points an out port at an in port. Each is "stage" or "stage:port"; without a port, a stage that has one is meant, and a tee, a
 * merge or a route of links gets a new port, named "1", "2", ... An out port leads to one place: the link that it had is replaced.
 * An in port takes one link; only a merge has as many as one likes. `to` may be WEIR_DISCARD: what comes out there is
 * counted as filtered. A circle is refused. Stages that the data no longer reaches stay in the plan, open and parked, until they
 * are connected again or popped. */
WEIR_API int weir_edit_connect(weir_edit *e, const char *from, const char *to);
#define WEIR_DISCARD "discard"

/* Takes the link of an out port away; "stage:port". A port of a tee, or of a route of links, goes with it; another one must lead
 * somewhere again, or be discarded, when the edit is committed. */
WEIR_API int weir_edit_disconnect(weir_edit *e, const char *from);

/* What an edit would do. */
typedef struct weir_preview {
    uint64_t revision; /* the plan that it was compared with */
    bool changes;      /* false: nothing would change */
    unsigned opens;    /* stages that would be opened */
    unsigned closes;   /* stages that would leave */
    unsigned parks;    /* stages that would come to rest */
    unsigned strands;  /* strands that take part in the cut */
    uint64_t drains;   /* items that are on their way to stages that would leave or rest, and would go through them first */
    char text[2048];   /* the same in words, a line each: "+ stage", "- stage", "~ stage", "drain stage: n items" */
    void *reserved[4];
} weir_preview;

/* A dry run: checks the edit as a commit would, opens nothing and changes nothing. The edit stays yours. Errors as weir_commit(). */
WEIR_API int weir_edit_preview(weir_edit *e, weir_preview *preview);

/* Makes the edit. Returns when the cut is made: from there on nothing can fail, new items go the new way, and stages that
 * left finish what is ahead of the cut on their own time (weir_settle() waits for that). `receipt` may be NULL.
 * WEIR_EREFUSED, WEIR_ECONFLICT, WEIR_EBUSY, WEIR_ENOMEM, WEIR_ESTAGE, WEIR_EINSIDE, WEIR_EENDED: nothing has changed.
 * Edits are totally ordered: a commit waits for those that are being committed. */
WEIR_API int weir_commit(weir_edit *e, weir_receipt *receipt);

/* The same without waiting: edits made so are committed in the order of the calls, and then `done` is called, once, on a
 * thread of the library's: status and receipt as above, `error` the message. It may be called inside a stage's function.
 * `done` may be NULL; it must not wait for the pipeline. WEIR_ENOMEM, WEIR_ESYSTEM: the edit was discarded, done is not called. */
typedef void weir_done(void *arg, int status, const weir_receipt *receipt, const char *error);
WEIR_API int weir_commit_async(weir_edit *e, weir_done *done, void *arg);

/* Nothing happens; stages handed to the edit are closed. */
WEIR_API void weir_edit_discard(weir_edit *e);

/* ---- trying a stage out ------------------------------------------------------------------------------------------------ */

/* Zero means the default. */
typedef struct weir_trial {
    double percent;    /* of the items that the candidate gets; default 10. Ignored by a shadow, which gets all */
    double errors_max; /* the trial is aborted when more than so many percent of at least 100 items failed, or (in a shadow)
                           differed; default 5, negative: never */
    uint64_t (*key)(void *key_arg, const void *item); /* items with equal keys meet the same stage; default: the item's number.
                           Called where the stage's functions are */
    void *key_arg;
    void (*key_done)(void *key_arg); /* called once: nothing calls `key` any more, or the trial was refused. NULL: nothing */
    void *reserved[2];
} weir_trial;

/* A canary: stage `name` and the candidate share the items, in one place, and order is kept. An item that the candidate fails is
 * given to the stage in force. A shadow: all items go to stage `name`, copies of them to the candidate, whose output is compared
 * and thrown away. Both stages must be of the same shape (map or each) and types, and keep no items (`holds`).
 * The candidate is taken. An aborting trial, by itself or by weir_edit_abort(), leaves stage `name` as it was, with its state. */
WEIR_API int weir_edit_canary(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial);
WEIR_API int weir_edit_shadow(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial);
WEIR_API int weir_edit_promote(weir_edit *e, const char *name); /* the candidate takes the place, and the name */
WEIR_API int weir_edit_abort(weir_edit *e, const char *name);

typedef struct weir_trial_info {
    char name[64];
    bool shadow;
    double percent;
    uint64_t items, errors;                     /* of the stage in force */
    uint64_t candidate_items, candidate_errors; /* of the candidate */
    uint64_t differed;                          /* a shadow's outputs that were not equal */
    void *reserved[4];
} weir_trial_info;

/* WEIR_EREFUSED: the stage is not on trial. */
WEIR_API int weir_trial_get(weir_pipeline *p, const char *name, weir_trial_info *info);

/* ---- history ----------------------------------------------------------------------------------------------------------- */

/* One edit that was made. The last 64 are kept. */
typedef struct weir_past {
    uint64_t revision; /* that it made */
    uint64_t undoes;   /* the revision whose edit it undid (or redid), or 0 */
    char id[64], who[64], what[256];
    uint64_t when_ns; /* since 1970, real time */
    bool can_undo;    /* false: `why_not` says why */
    char why_not[128];
    weir_receipt receipt;
    void *reserved[4];
} weir_past;

/* Fills past[0..max) with the latest edits, newest first, and returns how many there are. */
WEIR_API size_t weir_history(weir_pipeline *p, weir_past *past, size_t max);

/* Undoes the latest edit that is not undone yet, with an edit of its own; weir_redo() makes it again. Stages that left are made
 * again by their recipe, or from their description if they have no `close`. A trial is not begun anew: to go back to one is to go
 * back to the stage that it left in force; if that is there already, nothing changes, and the next call goes further back.
 * WEIR_EREFUSED when there is none, or it cannot be. */
WEIR_API int weir_undo(weir_pipeline *p, weir_receipt *receipt);
WEIR_API int weir_redo(weir_pipeline *p, weir_receipt *receipt);

/* The same as the one operation of an edit, for who wants to give it a time limit, an id, a name, or only a preview. It is refused with
 * WEIR_ECONFLICT if another edit is made before it is committed. */
WEIR_API int weir_edit_undo(weir_edit *e);
WEIR_API int weir_edit_redo(weir_edit *e);

/* An edit that has been asked for and has not come to its end. */
typedef struct weir_pending_info {
    char id[64], who[64], what[256];
    uint64_t age_ns;
    bool committed;        /* the cut is made; the data ahead of it is still on its way */
    char held_up_by[64];   /* the stage that it waits for, or "" */
    uint64_t held_up_item; /* the item that the stage is working on, or 0 */
    uint64_t held_up_ns;   /* for how long */
    void *reserved[4];
} weir_pending_info;

/* The pending edits, oldest first; returns how many there are. */
WEIR_API size_t weir_pending(weir_pipeline *p, weir_pending_info *info, size_t max);

/* ---- taps ---------------------------------------------------------------------------------------------------------------- */

typedef struct weir_sight {
    const char *stage;
    bool out; /* the item has come out of the stage; else it is about to go in */
    const void *item;
    const weir_type *type;
    uint64_t number;      /* of the item that went in, counted from 1: both sides of one item have the same */
    weir_verdict verdict; /* when out: WEIR_DROP and WEIR_FAIL come once, with item NULL */
} weir_sight;

typedef struct weir_tap {
    const char *stage;
    bool in, out;   /* which sides; neither means both */
    uint64_t every; /* one item in so many; 0: each */
    bool (*filter)(void *arg,
                   const weir_sight *sight);          /* of those going in; NULL: all. With `out` alone, of those coming out */
    void (*seen)(void *arg, const weir_sight *sight); /* must not wait, nor call into the pipeline; one call at a time */
    void *arg;
    void *reserved[4];
} weir_tap;

/* Watches items pass a running stage, from its next batch on. A stage without a tap pays nothing for it; one with a tap, a call for
 * each item. At most 16 in a pipeline. The tap stays with the name: a stage that replaces the tapped one is tapped, and when it
 * is popped, what comes out of the stage in front is watched. Returns the tap's number from 1 up, or a negative weir_status.
 * weir_untap(): `seen` is not called any more once it has returned. */
WEIR_API int weir_tap_add(weir_pipeline *p, const weir_tap *tap);
WEIR_API int weir_untap(weir_pipeline *p, int tap);

/* One operation as a whole edit. `receipt` may be NULL. Before the start they change the plan at once. */
WEIR_API int weir_insert_before(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_after(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_first(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_last(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_pop(weir_pipeline *p, const char *name, weir_receipt *receipt);
WEIR_API int weir_divert(weir_pipeline *p, const char *name, weir_receipt *receipt);
WEIR_API int weir_replace(weir_pipeline *p, const char *name, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_move_after(weir_pipeline *p, const char *name, const char *where, weir_receipt *receipt);
WEIR_API int weir_move_before(weir_pipeline *p, const char *name, const char *where, weir_receipt *receipt);
WEIR_API int weir_scale(weir_pipeline *p, const char *name, unsigned lanes, weir_receipt *receipt);
WEIR_API int weir_connect(weir_pipeline *p, const char *from, const char *to, weir_receipt *receipt);
WEIR_API int weir_disconnect(weir_pipeline *p, const char *from, weir_receipt *receipt);

/* Waits until every stage that left through an edit so far has been closed, or has come to rest. timeout_ms 0: no limit.
 * WEIR_OK; WEIR_EBUSY: weir_error() names one that has not. */
WEIR_API int weir_settle(weir_pipeline *p, uint64_t timeout_ms);

/* ---- looking ---------------------------------------------------------------------------------------------------------- */

/* admitted + created == delivered + filtered + failed + returned + in_flight, at every instant. */
typedef struct weir_totals {
    uint64_t admitted;  /* taken from sources */
    uint64_t created;   /* made by stages beyond one for each item taken */
    uint64_t delivered; /* taken by sinks */
    uint64_t filtered;  /* ended in a stage on purpose */
    uint64_t failed;    /* ended in a stage that failed on them; dead letters too: the letter itself is a created item */
    uint64_t returned;  /* not processed any more because the pipeline ended before */
    uint64_t in_flight;
    uint64_t revision;
    void *reserved[4];
} weir_totals;

typedef struct weir_stage_info {
    char name[64];
    const char *in, *out; /* names of types; "" for none */
    const char *place;    /* "fused", "own", "blocking", "pool", "async" */
    const char *status;   /* "running", "parked" (nothing leads to it), "retiring" (left, not closed yet); before the start
                             "ready", after the end "ended" */
    unsigned strand;      /* stages with the same number run as one loop; 0 when parked */
    uint64_t taken, put, filtered, failed, created, returned;
    uint64_t queued;  /* items waiting in front of the stage's strand; 0 for all but a strand's first stage */
    unsigned lanes;   /* of its pool; of an "async" stage, its tasks; 1: none */
    uint64_t retried; /* repetitions */
    uint64_t busy_ns; /* what its strand has been busy for: for a rate, look twice */
    uint64_t item;    /* of a retiring or stuck stage: the number of the item that it has in its hands; else 0 */
    uint64_t item_ns; /* and for how long */
    void *reserved[4];
} weir_stage_info;

/* A link, for drawing. An out port that is discarded has to = "". */
typedef struct weir_link_info {
    char from[64], out[32], to[64], in[32];
    bool active; /* data passes */
} weir_link_info;

/* The links, in the order in which they were made; returns how many there are. */
WEIR_API size_t weir_links(weir_pipeline *p, weir_link_info *info, size_t max);

WEIR_API void weir_totals_get(weir_pipeline *p, weir_totals *totals);

/* Fills info[0..max) with the stages in the order of the data, parked and retiring ones last, and returns how many there are, which may be
 * more than max. */
WEIR_API size_t weir_stages(weir_pipeline *p, weir_stage_info *info, size_t max);

/* The tasks of all stages with a `loop`: what each waits for, and since when (weir/runtime.h). Fills info[0..max), and returns how many
 * there are, which may be more than max. */
struct weir_task_info;
WEIR_API size_t weir_tasks(weir_pipeline *p, struct weir_task_info *info, size_t max);

WEIR_API uint64_t weir_revision(weir_pipeline *p);
WEIR_API const char *weir_name(const weir_pipeline *p);

/* ---- built-in ends ---------------------------------------------------------------------------------------------------- */

/* Lines of a file descriptor as WEIR_BYTES, without their newlines, and the reverse; blocking. The descriptor is lent. The
 * stages are called "stdin" and "stdout" for descriptors 0 and 1, else "fd0N". The description lies in storage of the calling
 * thread that the next call reuses: hand it over at once. Its state comes with it; `name` may be NULL for the default. */
WEIR_API const weir_stage *weir_read_lines(int fd, const char *name);
WEIR_API const weir_stage *weir_write_lines(int fd, const char *name);

#ifdef __cplusplus
}
#endif
#endif
