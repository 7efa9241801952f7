/* SPDX-License-Identifier: MIT */
/*
 * What does each kind of edit cost, and what does the stream feel of it: when the pipeline is idle, at full rate, and when
 * all queues are full behind a slow sink?
 *
 * Each kind is a cycle of edits that ends where it began (insert, then pop), made again and again on a pipeline of its own.
 * The edited stages have strands of their own, which is where edits cost most: `bench-edit` shows fused ones beside them, and
 * code by hand. Measured for each edit, by its receipt: the time from the call of the commit until the edit was in effect,
 * and until the call returned; and at the sink, the largest gap between two batches in a window that the edit begins.
 *
 * Then, in the same round, a pipeline that has come to the same shape and is left alone is watched through windows of the same
 * lengths. The ratio of the two medians is taken within each round; the median of the ratios is what counts.
 *
 * An edit begins when the one before has settled. What is not timed: describing the edit, getting a stage stuck for a divert.
 * Every item is checked (scene.h), and that each edit did what it should: changed something, or was refused, or found nothing
 * to do.
 */
#include <semaphore.h>
#include <stdlib.h>

#include "scene.h"

#define QUIET_NS   200000U /* idle: between two edits, so that everybody is parked */
#define IDLE_ITEMS 64U     /* idle: let through after each edit */

enum row {
    INSERT,
    POP,
    REPLACE,
    HAND_OVER,
    MOVE,
    TURN,
    CONNECT,
    DISCONNECT,
    UP,
    DOWN,
    DIVERT,
    CANARY,
    PROMOTE,
    ABORT,
    UNDO,
    REDO,
    SEVERAL,
    NOTHING,
    REFUSED,
    ROWS
};

static const char *const row_names[ROWS] = {
    [INSERT] = "insert",
    [POP] = "pop",
    [REPLACE] = "replace",
    [HAND_OVER] = "replace, state handed over",
    [MOVE] = "move",
    [TURN] = "connect to another stage",
    [CONNECT] = "connect a branch",
    [DISCONNECT] = "disconnect a branch",
    [UP] = "scale, 1 to 2 lanes",
    [DOWN] = "scale, 2 to 1 lanes",
    [DIVERT] = "divert",
    [CANARY] = "canary",
    [PROMOTE] = "promote",
    [ABORT] = "abort",
    [UNDO] = "undo an insert",
    [REDO] = "redo it",
    [SEVERAL] = "pop, insert and replace in one",
    [NOTHING] = "nothing to do",
    [REFUSED] = "refused",
};

static const char *const condition_names[CONDITIONS] = {[IDLE] = "idle", [FULL] = "full rate", [SLOW] = "slow sink"};

/* ---- in a line: insert, pop, replace, move ---------------------------------------------------------------------------- */

static void append(struct scene *s, const weir_stage *stage)
{
    scene_need(s, weir_append(s->p, stage), stage->name);
}

static void build_one(struct scene *s)
{
    weir_stage stage = scene_stamp("probe");
    append(s, &stage);
}

static int insert(struct scene *s, weir_receipt *r)
{
    weir_stage stage = scene_stamp("probe");
    return weir_insert_after(s->p, "first", &stage, r);
}

static int pop(struct scene *s, weir_receipt *r)
{
    return weir_pop(s->p, "probe", r);
}

static int replace(struct scene *s, weir_receipt *r)
{
    weir_stage stage = scene_stamp("probe");
    return weir_replace(s->p, "probe", &stage, r);
}

static void build_two(struct scene *s)
{
    weir_stage one = scene_stamp("probe"), two = scene_stamp("two");
    append(s, &one);
    append(s, &two);
}

static int move_on(struct scene *s, weir_receipt *r)
{
    return weir_move_after(s->p, "probe", "two", r);
}

static int move_back(struct scene *s, weir_receipt *r)
{
    return weir_move_before(s->p, "probe", "two", r);
}

/* The stage between `first` and `two` has the name `from` and gets the name `to`; `two` is replaced at the same cut. */
static int exchange(struct scene *s, const char *from, const char *to, weir_receipt *r)
{
    weir_stage stage = scene_stamp(to), two = scene_stamp("two");
    weir_edit *e = weir_edit_begin(s->p);
    if (!e)
        return WEIR_ENOMEM;
    weir_edit_pop(e, from);
    weir_edit_insert_after(e, "first", &stage);
    weir_edit_replace(e, "two", &two);
    return weir_commit(e, r);
}

static int several(struct scene *s, weir_receipt *r)
{
    return exchange(s, "probe", "other", r);
}

static int several_back(struct scene *s, weir_receipt *r)
{
    return exchange(s, "other", "probe", r);
}

/* ---- state ------------------------------------------------------------------------------------------------------------ */

struct counter {
    struct scene *scene;
    uint64_t seen;
};

static weir_verdict count(void *state, void *item)
{
    struct counter *c = state;
    c->seen++;
    return scene_stamp_item(NULL, item);
}

static void take_over(void *state, void *from, size_t lane, size_t lanes)
{
    (void)lane;
    (void)lanes;
    ((struct counter *)state)->seen += ((struct counter *)from)->seen;
    ((struct counter *)from)->seen = 0;
}

static void close_counter(void *state)
{
    struct counter *c = state;
    c->scene->counted += c->seen;
    free(c);
}

static weir_stage counter_stage(struct scene *s)
{
    struct counter *c = calloc(1, sizeof *c);
    if (!c)
        bench_die("kinds: no memory");
    c->scene = s;
    weir_stage stage = scene_stamp("probe");
    stage.map = count;
    stage.state = c;
    stage.state_type = "counter";
    stage.take_over = take_over;
    stage.close = close_counter;
    return stage;
}

static void build_counter(struct scene *s)
{
    weir_stage stage = counter_stage(s);
    append(s, &stage);
}

static int hand_over(struct scene *s, weir_receipt *r)
{
    weir_stage stage = counter_stage(s);
    return weir_replace(s->p, "probe", &stage, r);
}

static void check_counted(struct scene *s, struct bench *b)
{
    bench_check(b, s->counted == s->made, "hand-over: the stages counted %llu of %llu items", (unsigned long long)s->counted,
                (unsigned long long)s->made);
}

/* ---- links ------------------------------------------------------------------------------------------------------------ */

static void build_two_ways(struct scene *s)
{
    weir_stage stage = scene_stamp("other");
    build_one(s);
    scene_need(s, weir_add(s->p, &stage), "other");
}

/* `second` is there only now. */
static void link_other(struct scene *s)
{
    scene_need(s, weir_connect(s->p, "other", "second", NULL), "other to second");
}

static int turn(struct scene *s, weir_receipt *r)
{
    return weir_connect(s->p, "first", "other", r);
}

static int turn_back(struct scene *s, weir_receipt *r)
{
    return weir_connect(s->p, "first", "probe", r);
}

/* The sink at the end of a branch: sees some of the items, in order. */
static size_t arrive_aside(void *state, void *items, size_t n)
{
    uint64_t *next = state;
    const struct item *x = items;
    for (size_t i = 0; i < n; i++) {
        if (x[i].number < *next)
            return weir_fail("item %llu came again, or too late", (unsigned long long)x[i].number), i;
        *next = x[i].number + 1;
    }
    return n;
}

static void build_tee(struct scene *s)
{
    weir_stage aside = {.name = "aside", .in = &item_type, .out = WEIR_NONE, .batch = arrive_aside, .place = WEIR_OWN};
    aside.state = &s->aside_next;
    append(s, &(weir_stage){.name = "tee", .in = &item_type, .tee = true});
    scene_need(s, weir_add(s->p, &aside), "aside");
}

static int connect_branch(struct scene *s, weir_receipt *r)
{
    return weir_connect(s->p, "tee:b", "aside", r);
}

static int disconnect_branch(struct scene *s, weir_receipt *r)
{
    return weir_disconnect(s->p, "tee:b", r);
}

static int connect_as_is(struct scene *s, weir_receipt *r)
{
    return weir_connect(s->p, "first", "probe", r);
}

static int refused(struct scene *s, weir_receipt *r)
{
    weir_stage stage = scene_stamp("wrong");
    stage.in = WEIR_BYTES;
    return weir_insert_after(s->p, "first", &stage, r);
}

/* ---- lanes, trials, the way back -------------------------------------------------------------------------------------- */

static int scale_up(struct scene *s, weir_receipt *r)
{
    return weir_scale(s->p, "probe", 2, r);
}

static int scale_down(struct scene *s, weir_receipt *r)
{
    return weir_scale(s->p, "probe", 1, r);
}

static int canary(struct scene *s, weir_receipt *r)
{
    weir_stage stage = scene_stamp("candidate");
    weir_edit *e = weir_edit_begin(s->p);
    if (!e)
        return WEIR_ENOMEM;
    weir_edit_canary(e, "probe", &stage, NULL);
    return weir_commit(e, r);
}

static int promote(struct scene *s, weir_receipt *r)
{
    weir_edit *e = weir_edit_begin(s->p);
    if (!e)
        return WEIR_ENOMEM;
    weir_edit_promote(e, "probe");
    return weir_commit(e, r);
}

static int abort_trial(struct scene *s, weir_receipt *r)
{
    weir_edit *e = weir_edit_begin(s->p);
    if (!e)
        return WEIR_ENOMEM;
    weir_edit_abort(e, "probe");
    return weir_commit(e, r);
}

static void insert_first(struct scene *s)
{
    scene_need(s, insert(s, NULL), "insert");
}

static int undo(struct scene *s, weir_receipt *r)
{
    return weir_undo(s->p, r);
}

static int redo(struct scene *s, weir_receipt *r)
{
    return weir_redo(s->p, r);
}

/* ---- divert ----------------------------------------------------------------------------------------------------------- */

/* A stage that gets stuck in its first item. */
struct trap {
    sem_t entered, go;
};

static weir_verdict spring(void *state, void *item)
{
    struct trap *trap = state;
    (void)item;
    sem_post(&trap->entered);
    while (sem_wait(&trap->go) != 0)
        ;
    return WEIR_KEEP;
}

static void close_trap(void *state)
{
    struct trap *trap = state;
    sem_destroy(&trap->entered);
    sem_destroy(&trap->go);
    free(trap);
}

static void get_stuck(struct scene *s)
{
    struct trap *trap = calloc(1, sizeof *trap);
    if (!trap || sem_init(&trap->entered, 0, 0) != 0 || sem_init(&trap->go, 0, 0) != 0)
        bench_die("kinds: no memory");
    weir_stage stage = {.name = "trap", .in = &item_type, .map = spring, .state = trap, .close = close_trap, .blocking = true};
    s->prop = trap;
    scene_need(s, weir_insert_after(s->p, "first", &stage, NULL), "trap");
    if (s->condition == IDLE)
        scene_allow(s, 1);
    while (sem_wait(&trap->entered) != 0)
        ;
}

static int divert(struct scene *s, weir_receipt *r)
{
    int status = weir_divert(s->p, "trap", r);
    s->late += r->late;
    return status;
}

static void let_go(struct scene *s)
{
    sem_post(&((struct trap *)s->prop)->go);
}

/* ---- the kinds -------------------------------------------------------------------------------------------------------- */

#define STEPS_MAX 4

struct step {
    enum row row;
    int (*edit)(struct scene *s, weir_receipt *r); /* NULL: the cycle has no more */
    void (*before)(struct scene *s);               /* NULL: nothing. Neither is timed */
    void (*after)(struct scene *s);
};

/* Functions may be NULL. */
struct kind {
    const char *name;
    void (*build)(struct scene *s);                  /* what stands in the middle at first */
    void (*started)(struct scene *s);                /* what else there is to do before the first edit */
    void (*ended)(struct scene *s, struct bench *b); /* checks what the scene does not */
    uint64_t stamps_min, stamps_max;
    struct step steps[STEPS_MAX];
};

static const struct kind kinds[] = {
    {.name = "insert", .stamps_max = 1, .steps = {{.row = INSERT, .edit = insert}, {.row = POP, .edit = pop}}},
    {.name = "replace", .build = build_one, .stamps_min = 1, .stamps_max = 1, .steps = {{.row = REPLACE, .edit = replace}}},
    {.name = "hand-over",
     .build = build_counter,
     .ended = check_counted,
     .stamps_min = 1,
     .stamps_max = 1,
     .steps = {{.row = HAND_OVER, .edit = hand_over}}},
    {.name = "move",
     .build = build_two,
     .stamps_min = 2,
     .stamps_max = 2,
     .steps = {{.row = MOVE, .edit = move_on}, {.row = MOVE, .edit = move_back}}},
    {.name = "turn",
     .build = build_two_ways,
     .started = link_other,
     .stamps_min = 1,
     .stamps_max = 1,
     .steps = {{.row = TURN, .edit = turn}, {.row = TURN, .edit = turn_back}}},
    {.name = "branch",
     .build = build_tee,
     .steps = {{.row = CONNECT, .edit = connect_branch}, {.row = DISCONNECT, .edit = disconnect_branch}}},
    {.name = "scale",
     .build = build_one,
     .stamps_min = 1,
     .stamps_max = 1,
     .steps = {{.row = UP, .edit = scale_up}, {.row = DOWN, .edit = scale_down}}},
    {.name = "divert", .steps = {{.row = DIVERT, .edit = divert, .before = get_stuck, .after = let_go}}},
    {.name = "trial",
     .build = build_one,
     .stamps_min = 1,
     .stamps_max = 1,
     .steps = {{.row = CANARY, .edit = canary},
               {.row = PROMOTE, .edit = promote},
               {.row = CANARY, .edit = canary},
               {.row = ABORT, .edit = abort_trial}}},
    {.name = "undo",
     .started = insert_first,
     .stamps_max = 1,
     .steps = {{.row = UNDO, .edit = undo}, {.row = REDO, .edit = redo}}},
    {.name = "several",
     .build = build_two,
     .stamps_min = 2,
     .stamps_max = 2,
     .steps = {{.row = SEVERAL, .edit = several}, {.row = SEVERAL, .edit = several_back}}},
    {.name = "nothing",
     .build = build_one,
     .stamps_min = 1,
     .stamps_max = 1,
     .steps = {{.row = NOTHING, .edit = connect_as_is}}},
    {.name = "refused", .build = build_one, .stamps_min = 1, .stamps_max = 1, .steps = {{.row = REFUSED, .edit = refused}}},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- one run ---------------------------------------------------------------------------------------------------------- */

/* Times in microseconds. */
struct result {
    struct samples effect, returned;
    struct samples gap[2];   /* without edits, with edits */
    struct samples round[2]; /* the same, of the round at hand */
    struct samples ratio;    /* with / without, one a round */
};

struct window {
    const struct step *step; /* whose edit began it */
    uint64_t ns;
};

struct run {
    struct bench *b;
    const struct kind *kind;
    enum condition condition;
    struct result *results; /* one a row */
    unsigned cycles;
    uint64_t window_ns; /* at least */
    struct window *windows;
    size_t count;
};

static void begin(const struct run *run, struct scene *s)
{
    scene_begin(s, run->condition, run->kind->stamps_min, run->kind->stamps_max);
    if (run->kind->build)
        run->kind->build(s);
    scene_start(s);
    if (run->kind->started)
        run->kind->started(s);
}

static void end(const struct run *run, struct scene *s)
{
    scene_end(s, run->b, run->kind->name);
    if (run->kind->ended)
        run->kind->ended(s, run->b);
}

static void settle(struct scene *s)
{
    scene_need(s, weir_settle(s->p, 0), "settle");
}

/* The edit did what it should. */
static void check_edit(const struct run *run, enum row row, int status, bool changed, uint64_t revisions)
{
    int wanted = row == REFUSED ? WEIR_EREFUSED : WEIR_OK;
    bool changes = row != REFUSED && row != NOTHING;
    bench_check(run->b, status == wanted, "%s, %s: status %d: %s", row_names[row], condition_names[run->condition], status,
                weir_error(NULL));
    bench_check(run->b, status != wanted || (changed == changes && revisions == changes), "%s, %s: %s, %llu new revisions",
                row_names[row], condition_names[run->condition], changed ? "changed" : "not changed",
                (unsigned long long)revisions);
}

static void make_edit(const struct run *run, const struct step *step, struct scene *s)
{
    struct result *result = &run->results[step->row];
    weir_receipt r = {0};
    uint64_t revision = weir_revision(s->p), start = bench_now_ns();
    int status = step->edit(s, &r);
    uint64_t total_ns = status == WEIR_OK ? r.total_ns : bench_now_ns() - start; /* a refusal has no receipt */
    if (r.changed)
        samples_add(&result->effect, (double)r.effect_ns / 1e3);
    samples_add(&result->returned, (double)total_ns / 1e3);
    check_edit(run, step->row, status, r.changed, weir_revision(s->p) - revision);
}

static void edit_idle(const struct run *run, const struct step *step, struct scene *s)
{
    if (step->before)
        step->before(s);
    bench_sleep_until(bench_now_ns() + QUIET_NS);
    make_edit(run, step, s);
    if (step->after)
        step->after(s);
    settle(s);
    scene_pass(s, IDLE_ITEMS);
}

static void edit_flowing(struct run *run, const struct step *step, struct scene *s)
{
    if (step->before)
        step->before(s); /* nothing may arrive any more */
    else
        scene_await_batch(s);
    scene_open_window(s);
    uint64_t start = bench_now_ns(), until = start + run->window_ns;
    make_edit(run, step, s);
    if (!step->after)
        settle(s);
    uint64_t now = bench_now_ns();
    until = now > until ? now : until;
    bench_sleep_until(until);
    samples_add(&run->results[step->row].round[1], scene_close_window(s) / 1e3);
    run->windows[run->count++] = (struct window){.step = step, .ns = until - start};
    if (step->after)
        step->after(s);
    settle(s);
}

static void run_edited(struct run *run)
{
    struct scene s;
    begin(run, &s);
    for (unsigned cycle = 0; cycle < run->cycles; cycle++)
        for (const struct step *step = run->kind->steps; step < run->kind->steps + STEPS_MAX && step->edit; step++) {
            if (run->condition == IDLE)
                edit_idle(run, step, &s);
            else
                edit_flowing(run, step, &s);
        }
    end(run, &s);
}

/* Makes the edits of the cycle up to `last`, and waits until what they did is over. */
static void bring_behind(const struct run *run, const struct step *last, struct scene *s)
{
    for (const struct step *step = run->kind->steps; step <= last; step++) {
        weir_receipt r = {0};
        if (step->before)
            step->before(s);
        step->edit(s, &r);
        if (step->after)
            step->after(s);
        settle(s);
    }
    bench_sleep_until(bench_now_ns() + run->window_ns);
}

static void watch_quiet(const struct run *run, const struct step *step)
{
    struct scene s;
    begin(run, &s);
    bring_behind(run, step, &s);
    for (size_t i = 0; i < run->count; i++) {
        if (run->windows[i].step != step)
            continue;
        scene_await_batch(&s);
        scene_open_window(&s);
        bench_sleep_until(bench_now_ns() + run->windows[i].ns);
        samples_add(&run->results[step->row].round[0], scene_close_window(&s) / 1e3);
    }
    end(run, &s);
}

static void run_quiet(const struct run *run)
{
    for (const struct step *step = run->kind->steps; step < run->kind->steps + STEPS_MAX && step->edit; step++)
        watch_quiet(run, step);
}

static void run_kind(struct bench *b, const struct kind *kind, enum condition condition, struct result *results)
{
    struct run run = {.b = b, .kind = kind, .condition = condition, .results = results, .cycles = b->quick ? 2 : 30};
    run.window_ns = b->quick ? 100000 : condition == SLOW ? 2000000 : 1000000; /* in 2 ms a slow sink takes what had waited */
    run.windows = calloc((size_t)run.cycles * STEPS_MAX, sizeof *run.windows);
    if (!run.windows)
        bench_die("kinds: no memory");
    run_edited(&run);
    if (condition != IDLE)
        run_quiet(&run);
    free(run.windows);
}

/* ---- the report ------------------------------------------------------------------------------------------------------- */

static void end_round(struct result *result)
{
    double without = samples_quantile(&result->round[0], 0.5), with = samples_quantile(&result->round[1], 0.5);
    if (without > 0)
        samples_add(&result->ratio, with / without);
    for (int i = 0; i < 2; i++) {
        samples_append(&result->gap[i], &result->round[i]);
        samples_free(&result->round[i]);
    }
}

static void report(struct bench *b, enum condition condition, struct result *results)
{
    const char *part = condition_names[condition];
    for (int row = 0; row < ROWS; row++) {
        struct result *r = &results[row];
        bench_cell_spread(b, &r->effect, "us", part, row_names[row], "in effect");
        bench_cell_spread(b, &r->returned, "us", part, row_names[row], "returns");
        if (condition == IDLE)
            continue;
        bench_cell_spread(b, &r->gap[1], "us", part, row_names[row], "largest gap");
        bench_cell_spread(b, &r->gap[0], "us", part, row_names[row], "without edits");
        bench_cell_value(b, samples_quantile(&r->ratio, 0.5), "x", part, row_names[row], "ratio");
    }
}

static void free_result(struct result *r)
{
    samples_free(&r->effect);
    samples_free(&r->returned);
    samples_free(&r->ratio);
    for (int i = 0; i < 2; i++)
        samples_free(&r->gap[i]);
}

int main(int argc, char **argv)
{
    static struct result results[CONDITIONS][ROWS];
    static struct bench b;
    bench_begin(&b, "kinds", "what does each kind of edit cost, and what does the stream feel of it?", 11, argc, argv);
    for (unsigned round = 0; round < b.rounds; round++)
        for (int condition = 0; condition < CONDITIONS; condition++) {
            for (size_t i = 0; i < KINDS; i++)
                run_kind(&b, &kinds[(i + round) % KINDS], condition, results[condition]);
            for (int row = 0; row < ROWS; row++)
                end_round(&results[condition][row]);
        }
    for (int condition = 0; condition < CONDITIONS; condition++) {
        report(&b, condition, results[condition]);
        for (int row = 0; row < ROWS; row++)
            free_result(&results[condition][row]);
    }
    return bench_end(&b);
}
