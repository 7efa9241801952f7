/* SPDX-License-Identifier: MIT */
/*
 * weir/stage.h - write a stage.
 *
 * A stage is a function with a name and a place in a pipeline. You describe it with one struct literal in which everything
 * that you do not mention is zero, and zero is always the sensible default:
 *
 *     static weir_verdict odd(void *state, void *item)
 *     {
 *         (void)state;
 *         return *(int64_t *)item % 2 ? WEIR_KEEP : WEIR_DROP;
 *     }
 *     static const weir_stage odd_stage = {.name = "odd", .in = WEIR_I64, .map = odd};
 *
 * THE LIFE OF A STAGE. Handing a stage to a pipeline copies the description; `state` stays yours until `close`, which is
 * called exactly once for each stage handed over, also when the handing over or `open` failed. In between:
 *
 *     open -> ( map | each | batch | pull | route | tick | flush )* -> flush -> close
 *
 * `flush` comes after the last item that can reach the stage, and whenever a flush pill passes; what it puts out keeps its
 * place in the stream. It does not come if the pipeline is aborted, or if the stage, or one behind it in the same strand, has
 * failed and the policy is to stop. No two calls of one stage ever overlap, but they may come from different threads, one after the other.
 * Only `interrupt` may come while another call is running.
 *
 * ITEMS lie side by side in an array of the stage's input type: a function sees a T *, not a boxed object. An item is the
 * function's to change in place. Bytes that a slice points to may be read and written in place too; they live as long as the
 * item does. What a stage keeps beyond the call, it copies.
 *
 * FAILING. A function that cannot do its work leaves the item as it was, calls weir_fail() with a message and returns what that
 * call returns (a `loop`: weir_reject()). The engine first tries again if `retry` says so. What happens then is the stage's
 * `on_error`: the pipeline stops (default), the item is counted as failed and skipped, or it leaves through the port "dead" with
 * the reason (a dead letter).
 *
 * PORTS. Most stages have one way in and one way out. A stage with several says their names in `ins` or `outs`; `tee`, `route` and
 * `merge` are the stages that do nothing else. A stage with several ports begins or ends a strand.
 *
 * THREADS. A stage runs on the engine's worker threads. One that may wait in a system call says `blocking = true` and gets a
 * thread of its own. One that waits for many things at once is written as a `loop` and runs as tasks on an event loop's thread,
 * each of which calls the function once or more often, one at a time: weir/async.h.
 */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEIR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define WEIR_API          __attribute__((visibility("default")))
#else
#define WEIR_PRINTF(f, a)
#define WEIR_API
#endif

/* Where a function puts what it makes. Valid during the call only. */
typedef struct weir_out weir_out;

struct weir_task; /* weir/async.h */

/* ---- types ------------------------------------------------------------------------------------------------------------ */

/*
 * What an item is. Plain data needs only a name and a size. Two types are the same when they are the same object or have the
 * same name and size. A type may extend another: its struct then begins with the base's struct, and a stage that changes items
 * in place, or only looks at them, accepts it where it asks for the base.
 */
typedef struct weir_type {
    const char *name;
    size_t size;                  /* of one item, bytes */
    size_t align;                 /* 0: that of max_align_t; at most 64 */
    const struct weir_type *base; /* the type that this one extends, or NULL */
    bool slices;                  /* items point into memory that the batch holds (weir_alloc); true for bytes and records */
    void (*destroy)(void *item);  /* called once for each item that leaves the pipeline's hands; NULL for plain data */

    /* Makes `to` an item of its own, equal to `from`: for tees, shadows and taps. What it points to comes from weir_alloc(out). 0,
     * or -1 for want of memory. NULL: the bytes of the item are all there is to it; a type with slices or a destroy function that
     * has no copy cannot pass a tee. */
    int (*copy)(void *to, const void *from, weir_out *out);

    /* Whether two items say the same, for shadows. NULL: their bytes are compared. */
    bool (*equal)(const void *a, const void *b);
    void *reserved[4]; /* zero */
} weir_type;

/* A slice of bytes: a line without its newline, a message. Not terminated by a zero. */
typedef struct weir_bytes {
    char *data;
    size_t len;
} weir_bytes;

/* One field of a record. Both slices point into the record's text or into memory with the same life. */
typedef struct weir_field {
    const char *name;
    const char *value; /* as it stands in the text: a JSON string without its quotes but with its escapes */
    uint32_t name_len;
    uint32_t value_len;
    uint32_t kind; /* a weir_kind */
    uint32_t reserved;
} weir_field;

typedef enum weir_kind {
    WEIR_KIND_TEXT,    /* text as it is */
    WEIR_KIND_ESCAPED, /* text in which JSON's backslash escapes stand; see weir_field_text() */
    WEIR_KIND_NUMBER,
    WEIR_KIND_BOOL,
    WEIR_KIND_NULL,
    WEIR_KIND_NESTED, /* a JSON object or array, as written */
} weir_kind;

/* A line of text and its named fields, in the order in which they stand in the text. Extends weir_bytes. */
typedef struct weir_record {
    weir_bytes text;
    weir_field *fields;
    uint32_t count;
    uint32_t reserved;
} weir_record;

/* An item that a stage could not do: what comes out of the port "dead". Extends weir_bytes: as bytes it is the original item. */
typedef struct weir_letter {
    weir_bytes item;    /* the text of bytes and records; the memory of items of other types */
    weir_bytes stage;   /* the name of the stage that failed */
    weir_bytes reason;  /* what it said to weir_fail() */
    uint64_t number;    /* of the item in that stage, counted from 1 */
    uint64_t attempts;  /* how often it was tried */
    const char *type;   /* the name of the item's type; lives as long as the type */
    bool late;          /* reserved: false */
} weir_letter;

extern WEIR_API const weir_type weir_type_any, weir_type_none, weir_type_bytes, weir_type_record, weir_type_i64, weir_type_f64,
    weir_type_letter;
#define WEIR_ANY    (&weir_type_any)    /* as input: accepts every type, and passes it on as it is */
#define WEIR_NONE   (&weir_type_none)   /* as output: nothing; the stage is a sink */
#define WEIR_BYTES  (&weir_type_bytes)  /* weir_bytes */
#define WEIR_RECORD (&weir_type_record) /* weir_record */
#define WEIR_I64    (&weir_type_i64)    /* int64_t */
#define WEIR_F64    (&weir_type_f64)    /* double */
#define WEIR_LETTER (&weir_type_letter) /* weir_letter */

/* The field called name[0..len), or NULL. *hint remembers between calls where it stood last, which makes the look-up O(1) on
 * records of one shape; start it at 0, keep one per name. Any thread that holds the record. */
WEIR_API const weir_field *weir_record_find(const weir_record *record, const char *name, size_t len, uint32_t *hint);

/* The field's value with JSON's escapes resolved, copied into buffer[0..size), as much of it as fits; half a surrogate pair
 * becomes U+FFFD. Returns the length of the whole, which is never more than value_len. Any thread that holds the record. */
WEIR_API size_t weir_field_text(const weir_field *field, char *buffer, size_t size);

/* ---- what a function says and puts out --------------------------------------------------------------------------------- */

typedef enum weir_verdict {
    WEIR_KEEP = 0,
    WEIR_DROP = 1,  /* the item ends here, on purpose: counted as filtered; in a sink the same as WEIR_KEEP */
    WEIR_FAIL = -1, /* what weir_fail() returns */
} weir_verdict;

/* What a pull function says. */
enum {
    WEIR_MORE = 0, /* call me again */
    WEIR_END = 1,  /* that was all; what was put out in this call still counts */
    WEIR_IDLE = 2, /* nothing now: call me again after weir_wake() or at the next tick; not for blocking stages */
};

/* The next free item of the stage's output type; its bytes are not initialised, or zero if the type has a destroy function. In an
 * `each` function it is put out when the function returns without failing, elsewhere in any case: complete it. NULL when there is no memory: return weir_fail_memory(). */
WEIR_API void *weir_emit(weir_out *out);

/* Up to `want` next items, side by side; *got says how many (at least 1). NULL as weir_emit(). For sources in a hurry. */
WEIR_API void *weir_emit_many(weir_out *out, size_t want, size_t *got);

/* The out port number `port`, counted from 0 in the order of the stage's `outs`: what an `each`, pull, tick or flush function of a
 * stage with several out ports hands to the functions here. `out` itself is port 0. NULL: there is no such port. */
WEIR_API weir_out *weir_out_port(weir_out *out, size_t port);

/* The number of the in port that the items at hand came through, in the order of `ins` (or, for a merge, of its links). Inside map,
 * each and batch. */
WEIR_API size_t weir_in_port(void);

/* How many more items go into the batch at hand. A pull function that puts out about this many, and then returns, costs
 * least and keeps edits quick. At least 1. */
WEIR_API size_t weir_room(const weir_out *out);

/* Memory for what an emitted item points to; lives as long as the items of the batch at hand. Alignment: 8 bytes. At least
 * WEIR_PADDING readable bytes follow it. NULL when there is none. For one item, either allocate once and then put it out (a
 * failure then leaves no half item), or put it out and then allocate as often as needed. */
WEIR_API void *weir_alloc(weir_out *out, size_t size);

/* Emits a weir_bytes with a copy of data[0..len). 0, or -1 when there is no memory. */
WEIR_API int weir_emit_bytes(weir_out *out, const void *data, size_t len);

/* Memory of any size that parsers may read past the end of what weir_alloc() returned. */
#define WEIR_PADDING 64

/* A block of memory that several batches may share. A source that reads large pieces and puts out slices of them allocates
 * blocks itself and puts out weir_emit_slice()s of them. */
typedef struct weir_block weir_block;
WEIR_API weir_block *weir_block_new(weir_out *out, size_t size); /* you own one reference; NULL: no memory */
WEIR_API char *weir_block_data(weir_block *block);               /* `size` bytes, and WEIR_PADDING readable ones after them */
WEIR_API size_t weir_block_size(const weir_block *block);        /* at least what was asked for */
WEIR_API void weir_block_drop(weir_block *block);                /* gives your reference back; any thread; NULL is fine */

/* Emits the slice data[0..len) that lies in `block`, sharing the block: no copy. 0, or -1 when there is no memory. */
WEIR_API int weir_emit_slice(weir_out *out, weir_block *block, const char *data, size_t len);

/* Says why the item, or the opening, failed; `printf` style. Always returns WEIR_FAIL (-1). Only inside a stage's function. */
WEIR_API weir_verdict weir_fail(const char *format, ...) WEIR_PRINTF(1, 2);
WEIR_API weir_verdict weir_fail_memory(void);

/* Says, beside weir_fail() in a sink's batch_end, how many items of the batch arrived all the same: those count as delivered and
 * the rest as failed. Without it none did. */
WEIR_API void weir_fail_from(size_t delivered);

/* Says that the stage wants no more input: the sources stop, what is on its way still arrives. Inside a stage's function.
 * This is how `head` ends a pipeline. */
WEIR_API void weir_finish(void);

/* The reading of the engine's clock, nanoseconds; monotonic. Virtual in the simulator. Inside a stage's function. */
WEIR_API uint64_t weir_now_ns(void);

/* ---- the stage ---------------------------------------------------------------------------------------------------------- */

typedef enum weir_place {
    WEIR_FUSED = 0, /* one loop with its neighbours */
    WEIR_OWN = 1,   /* a strand of its own: runs beside its neighbours */
} weir_place;

typedef enum weir_on_error {
    WEIR_STOP = 0, /* what is ahead of the item goes on to the end, what is behind it is handed back, the pipeline ends */
    WEIR_SKIP = 1, /* the item is counted as failed */
    WEIR_DEAD = 2, /* the item leaves through the port "dead" as a weir_letter; that port must lead somewhere, or be discarded */
} weir_on_error;

/* How often a failing item is tried again before on_error applies. Zero: never. While it waits the strand does nothing else (order
 * is kept), but no thread is held. An item is tried again in map and each stages, and in sinks that take single items. */
typedef struct weir_retry {
    uint32_t count;          /* times beyond the first */
    uint32_t backoff_ms;     /* before the first repetition; doubled each time */
    uint32_t backoff_ms_max; /* but not beyond this; 0: 30 seconds */
    uint32_t jitter_percent; /* each wait is changed at random by up to so much, up or down; at most 100 */
} weir_retry;

typedef enum weir_order {
    WEIR_ARRIVAL = 0, /* a merge passes on what comes, as it comes; each input keeps its order */
    WEIR_BY_KEY = 1,  /* a merge passes on the item with the smallest `order` next; inputs must be in that order themselves */
} weir_order;

typedef struct weir_port {
    const char *name;      /* 1 to 31 bytes of letters, digits, - and _ */
    const weir_type *type; /* NULL: the stage's `in` or `out` */
} weir_port;

#define WEIR_NOWHERE (SIZE_MAX) /* what a route function returns for an item that ends here: counted as filtered */

/* Makes a stage again, as it was described the first time, with a state of its own: for the lanes of a pool, and for undoing the
 * removal of a stage. Shared by all that may need it: counted with `share` and `drop`, which any thread may call. */
typedef struct weir_stage weir_stage;
typedef struct weir_recipe weir_recipe;
struct weir_recipe {
    /* Fills *stage (zeroed before). 0, or -1 after weir_fail(). On the thread that edits. */
    int (*make)(weir_recipe *recipe, weir_stage *stage);
    void (*share)(weir_recipe *recipe);
    void (*drop)(weir_recipe *recipe);
};

struct weir_stage {
    const char *name;     /* unique in the pipeline; 1 to 63 bytes, copied */
    const weir_type *in;  /* NULL for a source */
    const weir_type *out; /* NULL: the same as comes in. A source must say; a sink says WEIR_NONE */
    void *state;          /* passed to every function; lent until close */

    /* Exactly one of these eight: the stage's shape. */

    /* One item, changed in place. Must not change its type. */
    weir_verdict (*map)(void *state, void *item);

    /* One item in, any number of items out, of any type. 0, or -1 after weir_fail(): then nothing that it put out counts. The
     * item stays the engine's; slices of it may be put out. */
    int (*each)(void *state, void *item, weir_out *out);

    /* A whole batch, changed in place (of exactly the type `in`: no extension fits, since the array's stride differs): keeps what it wants at the front of the array, in order, and returns how many it kept.
     * What it drops it destroys itself. A sink (out = WEIR_NONE) returns how many items it took from the front. Fewer than n
     * from a sink, or more than n (weir_fail_batch()) from any, means failure after weir_fail(): in a sink it is the item at
     * the returned index that failed, elsewhere the whole batch. */
    size_t (*batch)(void *state, void *items, size_t n);

    /* A source: puts some items out and returns WEIR_MORE, WEIR_IDLE or WEIR_END, or -1 after weir_fail(): what it had put out
     * before it failed counts. */
    int (*pull)(void *state, weir_out *out);

    /* Each item goes on, unchanged, through one of `ports` out ports: which, counted from 0 in the order of `outs`, or of the links
     * if `outs` is NULL (then any name is a port). Or WEIR_NOWHERE; or, after weir_fail(), anything above. */
    size_t (*route)(void *state, const void *item, size_t ports);

    /* Many items at once, each received, waited for and sent by one of `concurrency` tasks that run this function: see weir/async.h.
     * What comes out is in order (unless `unordered`). Also as a source. A strand of its own, on a loop's thread. */
    int (*loop)(struct weir_task *t, void *state);
    uint32_t concurrency; /* tasks of a `loop` stage; 0: 1. At most 100,000 */
    size_t stack_bytes;   /* of each of them; 0: the default of the process, 64 KiB */

    bool tee;   /* each item goes on through all ports, as copies (see weir_type.copy). Any name is an out port */
    bool merge; /* what comes through the in ports goes on through one. Any name is an in port. See `order_by` */

    /* Ports. All optional: one way in called "in", and one out called "out". The arrays end with a NULL name, and are copied. */
    const weir_port *ins, *outs;
    weir_order order_by;                              /* of a merge */
    int64_t (*order)(void *state, const void *item);  /* for WEIR_BY_KEY */

    /* A pool: so many of the stage at once, each in a strand of its own, and what comes out is in order. At most 64; 0 and 1: no
     * pool. The functions of a stage without `recipe` then run on one `state` on several threads at once. */
    uint32_t lanes;
    bool unordered; /* a pool's output comes as it comes */

    /* Partitions a pool: items with equal keys meet the same lane. Order is kept for each key. Called beside the stage's other
     * functions: it may only read what never changes. */
    uint64_t (*key)(void *state, const void *item);

    /* State hand-over. A stage that replaces one with an equal state_type takes its state over, as it was after the last item that
     * the old one met; a pool that is scaled hands the state of all its lanes to new ones. `take_over` moves to `state` all
     * that `from` has for keys with key % lanes == lane (everything, if lanes is 1). It must not fail; `from` is closed next, without
     * a flush. Each is on one thread, and nothing else uses the two states meanwhile. */
    const char *state_type; /* NULL: has no state that would be missed */
    void (*take_over)(void *state, void *from, size_t lane, size_t lanes);

    bool holds; /* keeps items beyond a call (a window, a sorter): must have `flush` or `take_over`, so that they are not lost */
    weir_recipe *recipe; /* how to make it again; shared. NULL: if there is no `close`, the description itself will do */

    /* All optional. */
    int (*batch_end)(void *state);            /* map and each only: after the last item of each batch, before the engine waits
                                                   for more; a sink writes its buffer here; 0, or -1 after weir_fail() */
    int (*open)(void *state);                 /* before the first item, on the thread that hands the stage over; 0 or -1 */
    int (*flush)(void *state, weir_out *out); /* puts out what the stage holds; 0 or -1 */
    int (*tick)(void *state, weir_out *out);  /* about every tick_ms, between batches, also when nothing flows; 0 or -1 */
    void (*close)(void *state);               /* the end: exactly once, also if open was never called */
    void (*interrupt)(void *state); /* any thread, any time between open and close: makes a waiting call, or the next, of a
                                                   blocking stage return early; a pull then returns what it has */
    uint32_t tick_ms;               /* 0: no ticks */
    weir_place place;
    weir_on_error on_error;
    weir_retry retry;    /* before on_error */
    uint32_t timeout_ms; /* a call that takes longer is interrupted, and fails; needs `blocking` and `interrupt`. 0: none */
    bool blocking;       /* may wait: gets a thread of its own; implies WEIR_OWN */
    void *reserved[5];   /* zero */
};

/* What a batch function returns after weir_fail() when the whole batch failed. */
#define weir_fail_batch() (SIZE_MAX)

#ifdef __cplusplus
}
#endif
#endif
