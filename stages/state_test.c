/* SPDX-License-Identifier: MIT */
/*
 * state_test.c - stages that hand their state over, what shares a state out over lanes, and the order of a merge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>

#include <weir/weir.h>

#include "expr/expr.h"
#include "stages/moment.h"

/* A stage by itself. Close it. */
static weir_stage make(const char *text)
{
    struct expr_error error;
    struct expr *expr = expr_parse_at(text, false, &error);
    if (!expr)
        fail_msg("%s: %s", text, error.message);
    weir_stage stage = expr_take(expr, 0, NULL);
    stage.recipe = NULL; /* goes with the expression */
    stage.name = "stage";
    expr_free(expr);
    return stage;
}

static weir_verdict see(const weir_stage *stage, const char *text)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    weir_bytes line = {copy, strlen(copy)};
    return stage->map(stage->state, &line);
}

static void a_dedup_remembers_what_the_one_before_it_saw(void **state)
{
    (void)state;
    weir_stage old = make("dedup window=3"), new = make("dedup window=2");
    assert_int_equal(see(&old, "a"), WEIR_KEEP);
    assert_int_equal(see(&old, "b"), WEIR_KEEP);
    assert_int_equal(see(&old, "c"), WEIR_KEEP);
    assert_int_equal(see(&old, "a"), WEIR_DROP);
    new.take_over(new.state, old.state, 0, 1);
    old.close(old.state);
    assert_int_equal(see(&new, "c"), WEIR_DROP);
    assert_int_equal(see(&new, "b"), WEIR_DROP);
    assert_int_equal(see(&new, "a"), WEIR_KEEP); /* the oldest had to go */
    new.close(new.state);
}

static void the_lanes_of_a_dedup_share_by_key(void **state)
{
    (void)state;
    weir_stage old = make("dedup"), lanes[3];
    char text[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        see(&old, text);
    }
    for (size_t lane = 0; lane < 3; lane++) {
        lanes[lane] = make("dedup");
        lanes[lane].take_over(lanes[lane].state, old.state, lane, 3);
    }
    old.close(old.state);
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "%d", i);
        weir_bytes line = {text, strlen(text)};
        uint64_t lane = lanes[0].key(lanes[0].state, &line) % 3;
        assert_int_equal(see(&lanes[lane], text), i < 1000 ? WEIR_DROP : WEIR_KEEP);
    }
    for (size_t lane = 0; lane < 3; lane++)
        lanes[lane].close(lanes[lane].state);
}

/* ---- counts, in a running pipeline ------------------------------------------------------------------------------- */

struct feed {
    atomic_bool more; /* the second half may come */
    int next;
};

/* Two times a, b, a, c; between them it waits. */
static int feed_pull(void *state, weir_out *out)
{
    static const char *const lines[] = {"{\"k\":\"a\"}", "{\"k\":\"b\"}", "{\"k\":\"a\"}", "{\"k\":\"\\u0063\"}"};
    struct feed *feed = state;
    if (feed->next == 4 && !atomic_load(&feed->more))
        return WEIR_IDLE;
    if (feed->next == 8)
        return WEIR_END;
    const char *line = lines[feed->next++ % 4];
    return weir_emit_bytes(out, line, strlen(line)) == 0 ? WEIR_MORE : weir_fail_memory();
}

static weir_verdict collect(void *state, void *item)
{
    char *text = state;
    const weir_bytes *line = item;
    size_t len = strlen(text);
    snprintf(text + len, 256 - len, "%.*s;", (int)line->len, line->data);
    return WEIR_KEEP;
}

static void await_taken(weir_pipeline *p, const char *name, uint64_t count)
{
    weir_stage_info info[8] = {0};
    for (;; sched_yield()) {
        size_t stages = weir_stages(p, info, 8);
        for (size_t i = 0; i < stages; i++)
            if (strcmp(info[i].name, name) == 0 && info[i].taken >= count)
                return;
    }
}

static void a_count_goes_on_from_where_the_one_before_it_was(void **state)
{
    (void)state;
    char text[256] = "";
    struct feed feed = {0};
    weir_pipeline *p = weir_new("counts");
    weir_stage parse = make("parse json"), count = make("count by=k"), next = make("count by=k every=1h");
    parse.name = "parse";
    count.name = next.name = "count";
    weir_append(p, &(weir_stage){.name = "in", .out = WEIR_BYTES, .pull = feed_pull, .state = &feed});
    weir_append(p, &parse);
    weir_append(p, &count);
    weir_append(p, &(weir_stage){.name = "out", .in = WEIR_BYTES, .out = WEIR_NONE, .map = collect, .state = text});
    if (weir_start(p) != WEIR_OK)
        fail_msg("%s", weir_error(p));
    await_taken(p, "count", 4);
    if (weir_replace(p, "count", &next, NULL) != WEIR_OK)
        fail_msg("%s", weir_error(p));
    atomic_store(&feed.more, true);
    weir_wake(p, "in");
    assert_int_equal(weir_drain(p), WEIR_OK);
    assert_string_equal(text, "4\ta;2\tb;2\tc;");
    weir_free(p);
}

static void states_of_other_keys_do_not_fit(void **state)
{
    (void)state;
    weir_stage a = make("count by=a"), b = make("count by=a,b"), c = make("count");
    assert_string_equal(a.state_type, "count by=a");
    assert_string_equal(b.state_type, "count by=a,b");
    assert_string_equal(c.state_type, "count");
    a.close(a.state);
    b.close(b.state);
    c.close(c.state);
}

/* ---- the order of merges ------------------------------------------------------------------------------------------ */

static void moments_compare_as_they_follow_each_other(void **state)
{
    (void)state;
    static const char *const ordered[] = {"x", "-1e3", "-2.5", "-2", "0", "1", "1.5", "10", "1e2"};
    static const char *const times[] = {"1970-01-01",
                                        "1999-12-31T23:59:59.999Z",
                                        "2000-01-01 00:00:00+00:00",
                                        "2000-01-01T00:00:00.001",
                                        "01/Jan/2000:00:30:00 +0000",
                                        "2000-03-01",
                                        "22/Nov/2026:23:39:54 +0100",
                                        "2026-11-22T22:39:55Z"};
    double value;
    for (size_t i = 1; i < sizeof ordered / sizeof *ordered; i++)
        assert_true(moment_order(ordered[i - 1], strlen(ordered[i - 1])) < moment_order(ordered[i], strlen(ordered[i])));
    for (size_t i = 1; i < sizeof times / sizeof *times; i++)
        if (moment_order(times[i - 1], strlen(times[i - 1])) >= moment_order(times[i], strlen(times[i])))
            fail_msg("%s does not come before %s", times[i - 1], times[i]);
    assert_true(moment_parse("2026-11-22T23:39:54Z", 20, &value));
    assert_true(value == 1795390794);
    assert_true(moment_order("-0", 2) == moment_order("0", 1));
    assert_false(moment_parse("2026-13-01", 10, &value));
    assert_false(moment_parse("1x", 2, &value));
    assert_false(moment_parse("", 0, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dedup_remembers_what_the_one_before_it_saw),     cmocka_unit_test(the_lanes_of_a_dedup_share_by_key),
        cmocka_unit_test(a_count_goes_on_from_where_the_one_before_it_was), cmocka_unit_test(states_of_other_keys_do_not_fit),
        cmocka_unit_test(moments_compare_as_they_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
