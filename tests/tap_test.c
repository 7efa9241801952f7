/* SPDX-License-Identifier: MIT */
/* Taps: both sides of the same items, samples and filters, edits around them, and nothing once they are gone. */
#include "stages.h"

static struct numbers n;
static struct kept k;

struct seen {
    uint64_t ins, outs, dropped, last;
    bool gone;
};

static struct seen seen;

static weir_verdict odd_plus(void *state, void *item)
{
    (void)state;
    *(int64_t *)item += 1000000;
    return *(int64_t *)item % 2 ? WEIR_KEEP : WEIR_DROP;
}

static void note(void *arg, const weir_sight *sight)
{
    struct seen *s = arg;
    CHECK(!s->gone);
    if (!sight->out) {
        CHECK_EQ(*(const int64_t *)sight->item + 1, sight->number);
        s->ins++;
        s->last = sight->number;
        return;
    }
    if (s->ins)
        CHECK_EQ(sight->number, s->last);
    if (sight->item)
        CHECK_EQ(*(const int64_t *)sight->item, 1000000 + (int64_t)sight->number - 1);
    s->dropped += sight->verdict == WEIR_DROP;
    s->outs++;
}

static weir_pipeline *begin(bool gated)
{
    numbers_init(&n, 1000);
    n.gated = gated;
    kept_init(&k);
    memset(&seen, 0, sizeof seen);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage odd = {.name = "odd", .in = WEIR_I64, .map = odd_plus};
    CHECK_EQ(weir_insert_first(p, &odd, NULL), 0);
    return p;
}

static void end(weir_pipeline *p)
{
    numbers_allow(&n, 1000);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 500);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
}

static void both_sides_of_each_item(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(false);
    CHECK_EQ(weir_tap_add(p, &(weir_tap){.stage = "odd", .seen = note, .arg = &seen}), 1);
    CHECK_EQ(weir_start(p), 0);
    end(p);
    CHECK_EQ(seen.ins, 1000);
    CHECK_EQ(seen.outs, 1000);
    CHECK_EQ(seen.dropped, 500);
}

static bool big(void *arg, const weir_sight *sight)
{
    (void)arg;
    return *(const int64_t *)sight->item >= 500;
}

static void samples_and_filters(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(false);
    weir_tap tap = {.stage = "odd", .in = true, .out = true, .every = 10, .filter = big, .seen = note, .arg = &seen};
    CHECK_EQ(weir_tap_add(p, &tap), 1);
    end(p);
    CHECK_EQ(seen.ins, 50);
    CHECK_EQ(seen.outs, 50);
}

static void taps_stay_with_the_name(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(true);
    CHECK_EQ(weir_start(p), 0);
    int tap = weir_tap_add(p, &(weir_tap){.stage = "odd", .in = true, .seen = note, .arg = &seen});
    CHECK(tap > 0);
    weir_stage other = {.name = "odd", .in = WEIR_I64, .map = odd_plus, .place = WEIR_OWN};
    CHECK_EQ(weir_replace(p, "odd", &other, NULL), 0);
    CHECK_EQ(weir_revision(p), 2);
    numbers_allow(&n, 1000);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(seen.ins, 1000);
    end(p);
}

static void nothing_once_it_is_gone(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(false);
    weir_stage_info unused[4];
    int taps[17];
    CHECK_EQ(weir_start(p), 0);
    for (int i = 0; i < 16; i++)
        CHECK_EQ(taps[i] = weir_tap_add(p, &(weir_tap){.stage = "odd", .out = true, .every = 100, .seen = note, .arg = &seen}),
                 i + 1);
    CHECK_EQ(weir_tap_add(p, &(weir_tap){.stage = "odd", .seen = note, .arg = &seen}), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "16 taps");
    CHECK_EQ(weir_tap_add(p, &(weir_tap){.stage = "nobody", .seen = note, .arg = &seen}), WEIR_EREFUSED);
    for (uint64_t i = check_random() % 20; i > 0; i--)
        weir_stages(p, unused, 4);
    for (int i = 0; i < 16; i++)
        CHECK_EQ(weir_untap(p, taps[i]), 0);
    seen.gone = true;
    CHECK_EQ(weir_untap(p, 3), WEIR_EREFUSED);
    end(p);
}

int main(void)
{
    check_run("both_sides_of_each_item", 50, both_sides_of_each_item);
    check_run("samples_and_filters", 50, samples_and_filters);
    check_run("taps_stay_with_the_name", 100, taps_stay_with_the_name);
    check_run("nothing_once_it_is_gone", 100, nothing_once_it_is_gone);
    return check_done();
}
