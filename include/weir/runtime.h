/* SPDX-License-Identifier: MIT */
/*
 * weir/runtime.h - run the functions of a stage elsewhere: what stands between the engine and a library that runs `loop` functions.
 *
 * You need this header only if you write such a library; libweir-async (weir/async.h) is one, and who writes stages for it
 * includes weir/async.h.
 *
 * A stage with a `loop` function works on many items at once and is done with them later, in any order. The engine keeps what has to
 * be kept in order, counted and edited: items are handed out one by one, each in a *slot*; what is made of an item is put into its
 * slot; and slots are released to the next stage in the order in which they were handed out (or, of an `unordered` stage, as they
 * are done). The runtime keeps the tasks that work on them.
 *
 *     engine                                       runtime
 *     member_new(crew)                        ->   makes the tasks of the stage: all that can fail fails here
 *     ready(member, turn), any thread         ->   soon, on the member's own thread: weir_turn_run(turn)
 *       work(member), inside of that          ->   runs its tasks, which take, emit, finish:
 *                                             <-   weir_crew_take, weir_crew_emit, weir_slot_done, weir_slot_fail
 *                                             <-   weir_crew_nudge, any thread: something can go on; makes for a `ready`, a `work`
 *       end(member): no more items will come  ->   its tasks put out what they hold, and return
 *     stop(member), any thread                ->   whatever still runs is cancelled, and waited for
 *     member_free(member)
 *
 * THREADS. A member belongs to one thread of the runtime's: its turns run there and nowhere else, and what says "in the strand" below is
 * called inside of weir_turn_run() only. So the tasks of one stage never run beside one another. weir_fail() and weir_error() have
 * the meaning that they have elsewhere: who returns NULL or -1 has said why.
 */
#ifndef WEIR_RUNTIME_H
#define WEIR_RUNTIME_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_crew weir_crew; /* the engine's side of a stage with a `loop` function; lives as long as the member */
typedef struct weir_slot weir_slot; /* an item in a task's hands, and what has been made of it */

/* A strand that is to run. The runtime queues it. */
typedef struct weir_turn weir_turn;
struct weir_turn {
    weir_turn *next; /* the runtime's while it has the turn */
};

/* One task, for who asks which there are. */
typedef struct weir_task_info weir_task_info;
struct weir_task_info {
    uint64_t id;     /* unique in the process */
    char name[64];   /* its function's, as the program gave it; else the stage's */
    char stage[64];  /* or "" */
    char waits[128]; /* what it waits for, in words: "sleep until ...", "read 127.0.0.1:80"; "" while it runs or is about to */
    uint64_t since_ns; /* for how long */
    uint64_t item;     /* the number of the item in its hands, or 0 */
    bool cancelled;
    void *reserved[2];
};

typedef struct weir_runtime {
    size_t size; /* of this struct */

    /* The threads of one pipeline, at least one. NULL after weir_fail(). Freed on another thread than its own, when no member is left. */
    void *(*loops_new)(unsigned count);
    void (*loops_free)(void *loops);

    /* A member for a stage that has been opened, with stage->concurrency tasks (0: 1), none of which has run. On the editing thread.
     * Freed when it has no tasks (never ran, `alive` says no, or stop() has returned), on any thread. */
    void *(*member_new)(void *loops, weir_crew *crew, const weir_stage *stage);
    void (*member_free)(void *member);

    /* So many tasks from now on. 0, or -1 after weir_fail() and then nothing has changed. With fewer, tasks leave when they ask for
     * their next item. One thread at a time. work() is called soon after. */
    int (*member_resize)(void *member, unsigned concurrency);

    /* Have weir_turn_run(turn) called once, soon, on the member's thread. Any thread, that one too; must not call it itself. */
    void (*ready)(void *member, weir_turn *turn);

    /* In the strand. Lets go on whatever can: tasks that were woken, tasks that wait for items if weir_crew_take() gives any, tasks
     * that wait for room. Returns when none can. */
    void (*work)(void *member);

    /* In the strand. No more items will come, all slots have been released: who asks for an item is told so. Twice is fine. */
    void (*end)(void *member);

    /* In the strand. Cancels every task; twice is fine. They still finish their slots. */
    void (*cancel)(void *member);

    /* In the strand. Whether any task has not returned. */
    bool (*alive)(void *member);

    /* Outside of the strand, which runs no more or never did. Cancels all tasks, and returns when they have returned. Any thread. */
    void (*stop)(void *member);

    /* Calls visit for each task. Any thread. */
    void (*tasks)(void *member, void (*visit)(void *arg, const weir_task_info *info), void *arg);
} weir_runtime;

/* The runtime of all stages with a `loop` function in this process. A library calls this when it is loaded. The struct is lent for
 * good. */
WEIR_API void weir_runtime_provide(const weir_runtime *runtime);

/* On the member's thread, outside of any other turn. */
WEIR_API void weir_turn_run(weir_turn *turn);

/* Makes sure that work() is called after this. Any thread, as long as the crew lives; cheap when it is about to be anyway. */
WEIR_API void weir_crew_nudge(weir_crew *crew);

/* ---- in the strand ------------------------------------------------------------------------------------------------------- */

/* Hands out the next item: copies it to `item`, which then belongs to the taker (a type with a `destroy` function: until it is sent
 * on, or destroyed). NULL: there is none now, or as many are in hands or waiting to be released as may be; work() comes when that
 * has changed. */
WEIR_API weir_slot *weir_crew_take(weir_crew *crew, void *item);

/* The number of the slot's item in the stage, counted from 1. */
WEIR_API uint64_t weir_slot_number(const weir_slot *slot);

/* Puts out a copy of the bytes of *item, which moves it. With a slot, it is kept there until that is released. Without one (a source;
 * what a stage puts out by itself) it goes out at once if there is room. 0; -EAGAIN: no room now, work() comes when there is (never
 * with a slot that has an item); -ENOMEM; -EINVAL: no such port, or the stage puts out nothing. */
WEIR_API int weir_crew_emit(weir_crew *crew, weir_slot *slot, size_t port, const void *item);

/* A slot without an item, for memory of what is put out without one: what is emitted with it goes out at once, as without a slot.
 * weir_slot_done() gives it back. NULL: no memory. */
WEIR_API weir_slot *weir_crew_blank(weir_crew *crew);

/* Memory for what is emitted next with that slot; of a blank one, until something is allocated behind that. As weir_alloc(). */
WEIR_API void *weir_crew_alloc(weir_crew *crew, weir_slot *slot, size_t size);

/* The taker is done with the item, or has failed on it: then nothing that was put into the slot counts. The slot is gone. */
WEIR_API void weir_slot_done(weir_crew *crew, weir_slot *slot);
WEIR_API void weir_slot_fail(weir_crew *crew, weir_slot *slot, const char *message);

/* The stage cannot go on, whatever its error policy. */
WEIR_API void weir_crew_fail(weir_crew *crew, const char *message);

/* The stage wants no more input. (Of a source that has come to its end: alive() says so.) */
WEIR_API void weir_crew_finish(weir_crew *crew);

/* Size of the items that are taken; of those put out through a port. 0: none. */
WEIR_API size_t weir_crew_in_size(const weir_crew *crew);
WEIR_API size_t weir_crew_out_size(const weir_crew *crew, size_t port);

#ifdef __cplusplus
}
#endif
#endif
