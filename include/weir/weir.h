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
    char held_up_by[64];   /* the stage that the edit waited for, or "" */
    void *reserved[4];
} weir_receipt;

/* A transaction. The operations are collected and checked one by one against the plan as the earlier ones would leave it; the
 * first error is kept and weir_commit() reports it. All take effect at one cut, or none does.
 *
 * weir_edit_begin() lends the pipeline; NULL when there is no memory. weir_commit(), weir_commit_async() and
 * weir_edit_discard() each take the edit. */
WEIR_API weir_edit *weir_edit_begin(weir_pipeline *p);

/* The edit fails with WEIR_ECONFLICT if the revision in force at the commit is another. */
WEIR_API void weir_edit_expect(weir_edit *e, uint64_t revision);

/* How long the commit may wait for a stage's function to return before the edit is withdrawn (WEIR_EBUSY). Default 0: no limit. */
WEIR_API void weir_edit_timeout(weir_edit *e, uint64_t timeout_ms);

/* Each takes the stage (its `close` is called once in any case) and returns WEIR_OK or the error that the commit will report.
 * `first` is the place behind the source, `last` the place in front of the sink, or the very end if there is none. */
WEIR_API int weir_edit_insert_before(weir_edit *e, const char *where, const weir_stage *stage);
WEIR_API int weir_edit_insert_after(weir_edit *e, const char *where, const weir_stage *stage);
WEIR_API int weir_edit_insert_first(weir_edit *e, const weir_stage *stage);
WEIR_API int weir_edit_insert_last(weir_edit *e, const weir_stage *stage);

/* The stage leaves: its neighbours are joined, it gets `flush` after the last item that can reach it, then `close`. */
WEIR_API int weir_edit_pop(weir_edit *e, const char *name);

/* A pop and an insert in the same place. The new stage may have the old one's name. */
WEIR_API int weir_edit_replace(weir_edit *e, const char *name, const weir_stage *stage);

/* A stage that nothing leads to yet. */
WEIR_API int weir_edit_add(weir_edit *e, const weir_stage *stage);

/* Points the out port of stage `from` at stage `to`. Stages that the data no longer reaches stay in the plan, open and
 * parked, until they are connected again or popped. */
WEIR_API int weir_edit_connect(weir_edit *e, const char *from, const char *to);

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

/* One operation as a whole edit. `receipt` may be NULL. Before the start they change the plan at once. */
WEIR_API int weir_insert_before(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_after(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_first(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_insert_last(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_pop(weir_pipeline *p, const char *name, weir_receipt *receipt);
WEIR_API int weir_replace(weir_pipeline *p, const char *name, const weir_stage *stage, weir_receipt *receipt);
WEIR_API int weir_connect(weir_pipeline *p, const char *from, const char *to, weir_receipt *receipt);

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
    uint64_t failed;    /* ended in a stage that failed on them */
    uint64_t returned;  /* not processed any more because the pipeline ended before */
    uint64_t in_flight;
    uint64_t revision;
    void *reserved[4];
} weir_totals;

typedef struct weir_stage_info {
    char name[64];
    const char *in, *out; /* names of types; "" for none */
    const char *place;    /* "fused", "own", "blocking" */
    const char *status;   /* "running", "parked" (nothing leads to it), "retiring" (left, not closed yet); before the start
                             "ready", after the end "ended" */
    unsigned strand;      /* stages with the same number run as one loop; 0 when parked */
    uint64_t taken, put, filtered, failed, created, returned;
    uint64_t queued; /* items waiting in front of the stage's strand; 0 for all but a strand's first stage */
    void *reserved[4];
} weir_stage_info;

WEIR_API void weir_totals_get(weir_pipeline *p, weir_totals *totals);

/* Fills info[0..max) with the stages in the order of the data, parked and retiring ones last, and returns how many there are, which may be
 * more than max. */
WEIR_API size_t weir_stages(weir_pipeline *p, weir_stage_info *info, size_t max);

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
