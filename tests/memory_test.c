/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out, in the simulator only. Each scene builds a pipeline, lets items flow, edits it, and ends it. It is run
 * again and again, with the first allocation failing, the second, the third, ... until it passes untouched; and once more for
 * each with all allocations from that one on failing. (A thread that cannot be started counts as one.) Whatever fails,
 *
 *   - an edit that answers an error has left the revision, the stages, their lanes and the links as they were, and has closed
 *     the stages that it brought;
 *   - an edit that comes when there is memory again is made;
 *   - each stage that was handed over is closed once, and not called after that; each is opened at most once;
 *   - each item that was made is destroyed once, and the totals add up;
 *   - the pipeline comes to its end, and when it is freed nothing is left.
 *
 * And when nothing fails, every edit is made and every item arrives.
 */
#include <weir/weir.h>

#include "stages.h"

#define ITEMS       120
#define FIRST_ITEMS 40 /* before the edits */
#define PROBES_MAX  256

struct item {
    int64_t number;
    uint32_t alive;
    uint32_t copies; /* that were made of it on the way */
};

struct probe {
    weir_recipe recipe; /* first: the recipe is the probe */
    bool lent;          /* handed over, so that it must be closed */
    int opened, closed, inside;
    int64_t counts[4]; /* a state by key */
    struct item held[4];
    size_t held_count;
    bool tried;
};

static struct {
    weir_pipeline *p;
    bool untouched; /* nothing is to fail */
    struct probe probes[PROBES_MAX];
    size_t probe_count;
    int64_t next, allowed, taken, letters;
    int64_t alive;
    size_t edits, made;
    struct probe *brought[8]; /* lent to the edit at hand */
    size_t brought_count;
    uint64_t revision;
    char plan[4096];
    bool spring;
    struct event entered, go, answered;
} run;

/* ---- items --------------------------------------------------------------------------------------------------------------- */

static void give_birth(struct item *item)
{
    item->alive = 1;
    run.alive++;
}

static void destroy_item(void *arg)
{
    struct item *item = arg;
    run.alive -= item->alive;
    item->alive = 0;
}

static int copy_item(void *to, const void *from, weir_out *out)
{
    (void)out;
    memcpy(to, from, sizeof(struct item));
    give_birth(to);
    return 0;
}

static const weir_type item_type = {.name = "item", .size = sizeof(struct item), .destroy = destroy_item, .copy = copy_item};

/* ---- stages -------------------------------------------------------------------------------------------------------------- */

static struct probe *new_probe(void)
{
    CHECK(run.probe_count < PROBES_MAX);
    return &run.probes[run.probe_count++];
}

static void go_in(struct probe *probe)
{
    CHECK_EQ(probe->inside++, 0);
    CHECK_EQ(probe->closed, 0);
}

static int open_probe(void *state)
{
    CHECK_EQ(((struct probe *)state)->opened++, 0);
    return 0;
}

static void close_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(probe->inside, 0);
    CHECK_EQ(probe->closed++, 0);
    while (probe->held_count > 0) /* what could not be put out any more */
        destroy_item(&probe->held[--probe->held_count]);
}

static weir_verdict map_item(void *state, void *item)
{
    (void)item;
    go_in(state);
    plat_point();
    ((struct probe *)state)->inside--;
    return WEIR_KEEP;
}

static size_t map_batch(void *state, void *items, size_t count)
{
    (void)items;
    go_in(state);
    ((struct probe *)state)->inside--;
    return count;
}

static int put(weir_out *out, const struct item *item)
{
    struct item *made = weir_emit(out);
    if (!made)
        return weir_fail_memory();
    *made = *item;
    give_birth(made);
    return 0;
}

static int each_item(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = put(out, item);
    probe->inside--;
    return status;
}

static int twice_item(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = put(out, item) || put(out, item) ? -1 : 0;
    probe->inside--;
    return status;
}

static int to_text(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    char text[24];
    go_in(probe);
    int len = snprintf(text, sizeof text, "%" PRId64, ((struct item *)item)->number);
    int status = weir_emit_bytes(out, text, (size_t)len);
    probe->inside--;
    return status;
}

static int from_text(void *state, void *arg, weir_out *out)
{
    struct probe *probe = state;
    const weir_bytes *bytes = arg;
    char text[24] = "";
    go_in(probe);
    CHECK(bytes->len < sizeof text);
    memcpy(text, bytes->data, bytes->len);
    int status = put(out, &(struct item){.number = strtoll(text, NULL, 10)});
    probe->inside--;
    return status;
}

static int put_held(struct probe *probe, weir_out *out)
{
    while (probe->held_count > 0) {
        if (put(out, &probe->held[0]) < 0)
            return -1;
        destroy_item(&probe->held[0]);
        memmove(probe->held, probe->held + 1, --probe->held_count * sizeof *probe->held);
    }
    return 0;
}

static int hold_item(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = probe->held_count == 4 ? put_held(probe, out) : 0;
    if (status == 0) {
        probe->held[probe->held_count] = *(struct item *)item;
        give_birth(&probe->held[probe->held_count++]);
    }
    probe->inside--;
    return status;
}

static int flush_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = put_held(probe, out);
    probe->inside--;
    return status;
}

static weir_verdict count_item(void *state, void *item)
{
    struct probe *probe = state;
    go_in(probe);
    probe->counts[((struct item *)item)->number % 4]++;
    probe->inside--;
    return WEIR_KEEP;
}

static uint64_t key_of(void *state, const void *item)
{
    (void)state;
    return (uint64_t)((const struct item *)item)->number % 4;
}

static void take_counts(void *state, void *from, size_t lane, size_t lanes)
{
    struct probe *to = state, *old = from;
    for (size_t key = 0; key < 4; key++)
        if (key % lanes == lane) {
            to->counts[key] += old->counts[key];
            old->counts[key] = 0;
        }
}

static weir_verdict try_twice(void *state, void *item)
{
    struct probe *probe = state;
    go_in(probe);
    bool fails = ((struct item *)item)->number % 10 == 3 && !probe->tried;
    probe->tried = fails;
    probe->inside--;
    return fails ? weir_fail("not yet") : WEIR_KEEP;
}

static weir_verdict hate_some(void *state, void *item)
{
    (void)state;
    return ((struct item *)item)->number % 10 == 3 ? weir_fail("on purpose") : WEIR_KEEP;
}

static weir_verdict get_stuck(void *state, void *item)
{
    struct probe *probe = state;
    (void)item;
    go_in(probe);
    if (run.spring) {
        run.spring = false;
        event_raise(&run.entered, 1);
        event_wait(&run.go, 1);
    }
    probe->inside--;
    return WEIR_KEEP;
}

static int pull_items(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int says = WEIR_MORE;
    for (int i = 0; i < 5 && run.next < run.allowed; i++) {
        struct item *item = weir_emit(out);
        if (!item) {
            says = weir_fail_memory();
            break;
        }
        *item = (struct item){.number = run.next++};
        give_birth(item);
    }
    probe->inside--;
    return says < 0 ? says : run.next >= ITEMS ? WEIR_END : run.next >= run.allowed ? WEIR_IDLE : WEIR_MORE;
}

static weir_verdict take_item(void *state, void *item)
{
    go_in(state);
    CHECK_EQ(((struct item *)item)->alive, 1);
    run.taken++;
    ((struct probe *)state)->inside--;
    return WEIR_KEEP;
}

static weir_verdict take_letter(void *state, void *letter)
{
    (void)letter;
    go_in(state);
    run.letters++;
    ((struct probe *)state)->inside--;
    return WEIR_KEEP;
}

static int64_t order_of(void *state, const void *item)
{
    (void)state;
    return ((const struct item *)item)->number;
}

static size_t route_item(void *state, const void *item, size_t ports)
{
    (void)state;
    return (size_t)((const struct item *)item)->number / 3 % ports;
}

/* ---- handing them over --------------------------------------------------------------------------------------------------- */

static void nothing(weir_recipe *recipe)
{
    (void)recipe;
}

static int make_again(weir_recipe *recipe, weir_stage *stage);

static weir_stage stage_of(const char *name, struct probe *probe)
{
    probe->recipe = (weir_recipe){.make = make_again, .share = nothing, .drop = nothing};
    return (weir_stage){
        .name = name, .in = &item_type, .state = probe, .open = open_probe, .close = close_probe, .recipe = &probe->recipe};
}

static weir_stage mapped(const char *name)
{
    weir_stage stage = stage_of(name, new_probe());
    stage.map = map_item;
    return stage;
}

static int make_again(weir_recipe *recipe, weir_stage *stage)
{
    struct probe *probe = new_probe();
    (void)recipe;
    *stage = stage_of("", probe);
    stage->map = map_item;
    probe->lent = true; /* the engine makes it only to have it */
    return 0;
}

static weir_stage own(const char *name)
{
    weir_stage stage = mapped(name);
    stage.place = WEIR_OWN;
    return stage;
}

static int make_counter(weir_recipe *recipe, weir_stage *stage);

static weir_stage counter_of(struct probe *probe)
{
    weir_stage stage = stage_of("x", probe);
    probe->recipe.make = make_counter;
    stage.map = count_item;
    stage.key = key_of;
    stage.state_type = "counts";
    stage.take_over = take_counts;
    return stage;
}

static weir_stage counter(void)
{
    return counter_of(new_probe());
}

static int make_counter(weir_recipe *recipe, weir_stage *stage)
{
    (void)recipe;
    struct probe *probe = new_probe();
    *stage = counter_of(probe);
    probe->lent = true;
    return 0;
}

static const weir_stage *lend(const weir_stage *stage)
{
    struct probe *probe = stage->state;
    probe->lent = true;
    if (run.brought_count < sizeof run.brought / sizeof *run.brought)
        run.brought[run.brought_count++] = probe;
    return stage;
}

/* ---- edits --------------------------------------------------------------------------------------------------------------- */

static void draw(char *text, size_t size)
{
    static weir_stage_info info[64];
    static weir_link_info links[64];
    sim_spare(true); /* without memory it would say that there are none */
    size_t count = weir_stages(run.p, info, 64), link_count = weir_links(run.p, links, 64), used = 0;
    sim_spare(false);
    CHECK(count <= 64 && link_count <= 64);
    text[0] = 0;
    for (size_t i = 0; i < count && used < size; i++)
        if (strcmp(info[i].status, "retiring") != 0)
            used += (size_t)snprintf(text + used, size - used, "%s*%u ", info[i].name, info[i].lanes);
    for (size_t i = 0; i < link_count && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s:%s->%s:%s ", links[i].from, links[i].out, links[i].to, links[i].in);
    CHECK(used < size);
}

static void check_totals(void)
{
    weir_totals t;
    weir_totals_get(run.p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK((int64_t)t.in_flight >= 0);
}

/* Before an edit. */
static void look(void)
{
    run.revision = weir_revision(run.p);
    draw(run.plan, sizeof run.plan);
}

/* Its answer. An edit that builds on one that was not made may be refused. */
static bool answered(int status)
{
    static char plan[sizeof run.plan];
    run.edits++;
    run.made += status == WEIR_OK;
    check_totals();
    for (size_t i = 0; status != WEIR_OK && i < run.brought_count; i++)
        CHECK_EQ(run.brought[i]->closed, 1);
    run.brought_count = 0;
    bool expected = status == WEIR_OK || status == WEIR_ENOMEM || status == WEIR_ESYSTEM || status == WEIR_EENDED ||
                    status == WEIR_EREFUSED || status == WEIR_ESTAGE;
    if (!expected || (run.untouched && status != WEIR_OK))
        check_failed(__FILE__, __LINE__, "an edit", "%d: %s", status, weir_error(run.p));
    if (status == WEIR_OK)
        return true;
    CHECK_EQ(weir_revision(run.p), run.revision);
    draw(plan, sizeof plan);
    if (strcmp(plan, run.plan) != 0)
        check_failed(__FILE__, __LINE__, "the plan behind an error", "%s and %s", plan, run.plan);
    return false;
}

#define EDIT(call) (look(), answered(call))

static int committed(weir_edit *e)
{
    weir_receipt r;
    uint64_t before = weir_revision(run.p);
    int status = weir_commit(e, &r);
    if (status == WEIR_OK)
        CHECK_EQ(r.revision, before + r.changed);
    return status;
}

static void insert_and_pop(void)
{
    weir_stage a = mapped("new");
    EDIT(weir_insert_after(run.p, "source", lend(&a), NULL));
    EDIT(weir_pop(run.p, "new", NULL));
}

static void insert_and_pop_own(void)
{
    weir_stage a = own("new"), b = mapped("blocking");
    b.blocking = true;
    EDIT(weir_insert_before(run.p, "sink", lend(&a), NULL));
    EDIT(weir_insert_after(run.p, "source", lend(&b), NULL));
    EDIT(weir_pop(run.p, "new", NULL));
    EDIT(weir_pop(run.p, "blocking", NULL));
}

static void replace(void)
{
    weir_stage a = mapped("x"), b = own("x"), c = mapped("y");
    EDIT(weir_replace(run.p, "x", lend(&a), NULL));
    EDIT(weir_replace(run.p, "x", lend(&b), NULL));
    EDIT(weir_replace(run.p, "x", lend(&c), NULL));
}

static void hand_over(void)
{
    weir_stage a = counter(), b = counter(), c = counter();
    b.place = WEIR_OWN;
    c.blocking = true;
    EDIT(weir_replace(run.p, "x", lend(&a), NULL));
    EDIT(weir_replace(run.p, "x", lend(&b), NULL));
    EDIT(weir_replace(run.p, "x", lend(&c), NULL));
}

static void move(void)
{
    EDIT(weir_move_after(run.p, "x", "z", NULL));
    EDIT(weir_move_before(run.p, "z", "x", NULL));
}

static void connect(void)
{
    weir_stage a = own("new");
    if (!EDIT(weir_add(run.p, lend(&a))))
        return;
    EDIT(weir_connect(run.p, "new", "sink", NULL));
    EDIT(weir_connect(run.p, "z", "new", NULL));
    EDIT(weir_connect(run.p, "z", "sink", NULL));
    EDIT(weir_pop(run.p, "new", NULL));
}

static void branch(void)
{
    weir_stage a = mapped("new");
    if (!EDIT(weir_add(run.p, lend(&a))))
        return;
    EDIT(weir_connect(run.p, "new", "joint", NULL));
    EDIT(weir_connect(run.p, "split:c", "new", NULL));
    EDIT(weir_disconnect(run.p, "split:c", NULL));
}

static void edit_branches(void)
{
    weir_edit *e = weir_edit_begin(run.p);
    weir_stage a = mapped("x"), b = own("z");
    look();
    if (!e)
        return;
    weir_edit_replace(e, "x", lend(&a));
    weir_edit_replace(e, "z", lend(&b));
    answered(committed(e));
}

static void scale(void)
{
    EDIT(weir_scale(run.p, "x", 3, NULL));
    EDIT(weir_scale(run.p, "x", 2, NULL));
    EDIT(weir_scale(run.p, "x", 1, NULL));
}

static void several(void)
{
    weir_edit *e = weir_edit_begin(run.p);
    weir_stage a = mapped("new"), b = own("newer"), c = mapped("z");
    look();
    if (!e)
        return;
    weir_edit_insert_after(e, "source", lend(&a));
    weir_edit_insert_after(e, "x", lend(&b));
    weir_edit_replace(e, "z", lend(&c));
    weir_edit_pop(e, "new");
    weir_edit_move_after(e, "newer", "z");
    answered(committed(e));
}

static void try_out(void)
{
    for (int i = 0; i < 4; i++) {
        weir_edit *e = weir_edit_begin(run.p);
        weir_stage a = mapped("candidate");
        look();
        if (!e)
            return;
        (i % 2 ? weir_edit_shadow : weir_edit_canary)(e, "x", lend(&a), &(weir_trial){.percent = 50});
        if (!answered(committed(e)))
            continue;
        look();
        e = weir_edit_begin(run.p);
        if (!e)
            return;
        (i / 2 ? weir_edit_promote : weir_edit_abort)(e, "x");
        answered(committed(e));
    }
}

static void there_and_back(void)
{
    weir_stage a = own("new");
    EDIT(weir_insert_after(run.p, "source", lend(&a), NULL));
    EDIT(weir_pop(run.p, "x", NULL));
    for (size_t i = 0, made = run.made; i < made; i++)
        EDIT(weir_undo(run.p, NULL));
    if (run.untouched) {
        EDIT(weir_redo(run.p, NULL));
        EDIT(weir_redo(run.p, NULL));
    } else {
        look();
        answered(weir_redo(run.p, NULL));
    }
}

static int async_status;

static void note_answer(void *arg, int status, const weir_receipt *receipt, const char *error)
{
    (void)arg;
    (void)receipt;
    (void)error;
    async_status = status;
    event_raise(&run.answered, 1);
}

static void commit_later(void)
{
    for (int i = 0; i < 2; i++) {
        weir_edit *e = weir_edit_begin(run.p);
        weir_stage a = own(i ? "newer" : "new");
        look();
        if (!e)
            return;
        weir_edit_insert_after(e, "source", lend(&a));
        uint64_t before = event_count(&run.answered);
        int status = weir_commit_async(e, note_answer, NULL);
        if (status == WEIR_OK) {
            event_wait(&run.answered, before + 1);
            status = async_status;
        }
        answered(status);
    }
}

static void preview(void)
{
    weir_preview preview;
    weir_edit *e = weir_edit_begin(run.p);
    weir_stage a = own("x");
    if (!e)
        return;
    weir_edit_replace(e, "x", lend(&a));
    weir_edit_scale(e, "z", 2);
    static char before[sizeof run.plan], after[sizeof run.plan];
    draw(before, sizeof before);
    int status = weir_edit_preview(e, &preview);
    draw(after, sizeof after);
    CHECK(strcmp(before, after) == 0);
    CHECK(!run.untouched || status == WEIR_OK);
    look();
    answered(committed(e));
}

static void see(void *arg, const weir_sight *sight)
{
    (void)arg;
    (void)sight;
}

static void tap(void)
{
    int number = weir_tap_add(run.p, &(weir_tap){.stage = "x", .seen = see});
    CHECK(number > 0 || !run.untouched);
    weir_stage a = mapped("x");
    EDIT(weir_replace(run.p, "x", lend(&a), NULL));
    if (number > 0)
        CHECK_EQ(weir_untap(run.p, number), 0);
}

static void flush(void)
{
    weir_flush(run.p);
    EDIT(weir_pop(run.p, "x", NULL));
    weir_flush(run.p);
}

static void only_flow(void)
{
    weir_flush(run.p);
}

/* The stage gets stuck, unless something fails before. */
static void divert(void)
{
    for (int i = 0; i < 100000 && event_count(&run.entered) == 0 && !weir_ended(run.p); i++)
        plat_yield();
    if (event_count(&run.entered) == 0) {
        CHECK(!run.untouched);
    } else {
        EDIT(weir_divert(run.p, "x", NULL));
        weir_stage a = mapped("new");
        EDIT(weir_insert_after(run.p, "source", lend(&a), NULL));
    }
    event_raise(&run.go, 1);
}

/* ---- scenes -------------------------------------------------------------------------------------------------------------- */

static bool add(const weir_stage *stage)
{
    int status = weir_add(run.p, stage->state ? lend(stage) : stage);
    if (run.untouched && status != WEIR_OK)
        check_failed(__FILE__, __LINE__, stage->name, "%d: %s", status, weir_error(run.p));
    return status == WEIR_OK;
}

static bool join(const char *from, const char *to)
{
    int status = weir_connect(run.p, from, to, NULL);
    if (run.untouched && status != WEIR_OK)
        check_failed(__FILE__, __LINE__, from, "%d: %s", status, weir_error(run.p));
    return status == WEIR_OK;
}

static bool add_ends(void)
{
    weir_stage source = stage_of("source", new_probe()), sink = stage_of("sink", new_probe());
    source.in = NULL;
    source.out = &item_type;
    source.pull = pull_items;
    sink.out = WEIR_NONE;
    sink.map = take_item;
    return add(&source) && add(&sink);
}

/* source -> x -> z -> sink */
static bool line_of(const weir_stage *x, const weir_stage *z)
{
    return add_ends() && add(x) && add(z) && join("source", x->name) && join(x->name, z->name) && join(z->name, "sink");
}

static bool maps(void)
{
    weir_stage x = mapped("x"), z = own("z");
    return line_of(&x, &z);
}

static bool shapes(void)
{
    weir_stage x = own("x"), z = own("z");
    x.map = NULL;
    x.each = twice_item;
    z.map = NULL;
    z.batch = map_batch;
    return line_of(&x, &z);
}

static bool shapes_that_skip(void)
{
    weir_stage x = own("x"), z = mapped("z");
    x.map = z.map = NULL;
    x.each = twice_item;
    z.each = each_item;
    x.on_error = z.on_error = WEIR_SKIP;
    return line_of(&x, &z);
}

static bool texts(void)
{
    weir_stage x = mapped("x"), z = own("z");
    x.map = z.map = NULL;
    x.each = to_text;
    x.out = z.in = WEIR_BYTES;
    z.each = from_text;
    z.out = &item_type;
    return line_of(&x, &z);
}

static bool holds(void)
{
    weir_stage x = own("x"), z = mapped("z");
    x.map = NULL;
    x.each = hold_item;
    x.flush = flush_probe;
    x.holds = true;
    z.map = NULL;
    z.each = each_item;
    return line_of(&x, &z);
}

static bool pools(void)
{
    weir_stage x = mapped("x"), z = mapped("z");
    x.lanes = 2;
    return line_of(&x, &z);
}

static bool counters(void)
{
    weir_stage x = counter(), z = mapped("z");
    return line_of(&x, &z);
}

static bool counter_pools(void)
{
    weir_stage x = counter(), z = mapped("z");
    x.lanes = 2;
    return line_of(&x, &z);
}

static bool retries(void)
{
    weir_stage x = mapped("x"), z = own("z");
    x.map = try_twice;
    x.retry = (weir_retry){.count = 2, .backoff_ms = 1};
    return line_of(&x, &z);
}

static bool traps(void)
{
    weir_stage x = own("x"), z = mapped("z");
    run.spring = true;
    x.map = get_stuck;
    x.blocking = true;
    return line_of(&x, &z);
}

static bool letters(void)
{
    weir_stage x = mapped("x"), grave = stage_of("grave", new_probe());
    x.map = hate_some;
    x.on_error = WEIR_DEAD;
    grave.in = WEIR_LETTER;
    grave.out = WEIR_NONE;
    grave.map = take_letter;
    return add_ends() && add(&x) && add(&grave) && join("source", "x") && join("x:out", "sink") && join("x:dead", "grave");
}

static bool diamond(const weir_stage *split, const weir_stage *joint)
{
    weir_stage x = own("x"), z = mapped("z");
    return add_ends() && add(split) && add(&x) && add(&z) && add(joint) && join("source", "split") && join("split:a", "x") &&
           join("split:b", "z") && join("x", "joint") && join("z", "joint") && join("joint", "sink");
}

static const weir_stage joint_stage = {.name = "joint", .in = &item_type, .merge = true};

static bool tees(void)
{
    return diamond(&(weir_stage){.name = "split", .in = &item_type, .tee = true}, &joint_stage);
}

static bool routes(void)
{
    return diamond(&(weir_stage){.name = "split", .in = &item_type, .route = route_item}, &joint_stage);
}

static bool tees_that_skip(void)
{
    return diamond(&(weir_stage){.name = "split", .in = &item_type, .tee = true, .on_error = WEIR_SKIP}, &joint_stage);
}

static bool routes_that_skip(void)
{
    return diamond(&(weir_stage){.name = "split", .in = &item_type, .route = route_item, .on_error = WEIR_SKIP}, &joint_stage);
}

static bool sorted(void)
{
    weir_stage joint = joint_stage;
    joint.order_by = WEIR_BY_KEY;
    joint.order = order_of;
    return diamond(&(weir_stage){.name = "split", .in = &item_type, .route = route_item}, &joint);
}

struct scene {
    const char *name;
    bool (*build)(void);
    void (*edit)(void);
    int64_t arrive; /* items at the sink when nothing fails; -1: not said */
};

static const struct scene scenes[] = {
    {"maps", maps, only_flow, ITEMS},
    {"each and batch", shapes, only_flow, 2 * ITEMS},
    {"each that skips", shapes_that_skip, only_flow, 2 * ITEMS},
    {"variable size", texts, only_flow, ITEMS},
    {"holds and flushes", holds, flush, ITEMS},
    {"tee and merge", tees, only_flow, 2 * ITEMS},
    {"route and merge", routes, only_flow, ITEMS},
    {"tee that skips", tees_that_skip, only_flow, 2 * ITEMS},
    {"route that skips", routes_that_skip, only_flow, ITEMS},
    {"route and merge by key", sorted, only_flow, ITEMS},
    {"pool", pools, only_flow, ITEMS},
    {"retries", retries, only_flow, ITEMS},
    {"dead letters", letters, only_flow, ITEMS - ITEMS / 10},
    {"insert and pop", maps, insert_and_pop, ITEMS},
    {"insert and pop strands", maps, insert_and_pop_own, ITEMS},
    {"replace", maps, replace, ITEMS},
    {"hand over", counters, hand_over, ITEMS},
    {"move", maps, move, ITEMS},
    {"connect", maps, connect, ITEMS},
    {"branch", tees, branch, -1},
    {"edit both branches", tees, edit_branches, 2 * ITEMS},
    {"edit branches by key", sorted, edit_branches, ITEMS},
    {"scale", maps, scale, ITEMS},
    {"scale by key", counter_pools, scale, ITEMS},
    {"several", maps, several, ITEMS},
    {"trials", maps, try_out, ITEMS},
    {"undo and redo", maps, there_and_back, ITEMS},
    {"commit later", maps, commit_later, ITEMS},
    {"preview", maps, preview, ITEMS},
    {"tap", maps, tap, ITEMS},
    {"divert", traps, divert, ITEMS - 1},
};

static void allow(int64_t items)
{
    run.allowed = items;
    weir_wake(run.p, "source");
}

static void check_end(const struct scene *scene, int status)
{
    weir_totals t;
    weir_totals_get(run.p, &t);
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
    CHECK_EQ(t.admitted, run.next);
    CHECK_EQ(t.delivered, run.taken + run.letters);
    if (!run.untouched)
        return;
    if (status != WEIR_OK)
        check_failed(__FILE__, __LINE__, "the end", "%d: %s", status, weir_error(run.p));
    CHECK_EQ(run.edits, run.made);
    if (scene->arrive >= 0)
        CHECK_EQ(run.taken, scene->arrive);
}

/* There is memory again, and whatever failed has left nothing behind: an edit that concerns a strand is made, unless the pipeline
 * has failed. */
static void edit_again(void)
{
    weir_stage a = own("after");
    sim_spare(true);
    int status = weir_insert_after(run.p, "source", lend(&a), NULL);
    if (status == WEIR_OK)
        status = weir_pop(run.p, "after", NULL);
    if (status != WEIR_OK && (status != WEIR_EENDED || run.untouched))
        check_failed(__FILE__, __LINE__, "an edit with memory", "%d: %s", status, weir_error(run.p));
    sim_spare(false);
}

static void play_started(const struct scene *scene)
{
    run.brought_count = 0;
    allow(FIRST_ITEMS);
    scene->edit();
    edit_again();
    allow(ITEMS);
    int status = weir_drain(run.p);
    check_end(scene, status);
}

static void play(const struct scene *scene, bool untouched)
{
    memset(&run, 0, sizeof run);
    run.untouched = untouched;
    event_init(&run.entered);
    event_init(&run.go);
    event_init(&run.answered);
    run.p = weir_new("memory");
    if (run.p) {
        weir_configure(run.p, &(weir_config){.queue_batches = 4, .batch_items = 8});
        if (scene->build() && weir_start(run.p) == WEIR_OK)
            play_started(scene);
        else
            CHECK(!untouched);
        event_raise(&run.go, 1);
        weir_free(run.p);
    }
    for (size_t i = 0; i < run.probe_count; i++)
        CHECK_EQ(run.probes[i].closed, run.probes[i].lent);
    CHECK_EQ(run.alive, 0);
    event_free(&run.entered);
    event_free(&run.go);
    event_free(&run.answered);
}

static void fail_in_turn(const struct scene *scene, bool all_that_follow)
{
    for (size_t i = 1;; i++) {
        if (getenv("WEIR_TALK"))
            fprintf(stderr, "%s: allocation %zu%s fails\n", scene->name, i, all_that_follow ? " and all behind it" : "");
        all_that_follow ? sim_fail_from(i) : (void)sim_fail_allocation(i);
        play(scene, false);
        size_t made = sim_fail_allocation(0);
        CHECK_EQ(sim_live_allocations(), 0);
        if (made < i)
            break;
        CHECK(i < 2000);
    }
}

static void every_allocation_fails(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        play(&scenes[i], true);
        CHECK_EQ(sim_live_allocations(), 0);
        fail_in_turn(&scenes[i], false);
        fail_in_turn(&scenes[i], true);
    }
}

int main(void)
{
    check_run("every_allocation_fails", 4, every_allocation_fails);
    return check_done();
}
