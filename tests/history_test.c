/* SPDX-License-Identifier: MIT */
/*
 * The history: every edit can be undone and made again, by ordinary edits; an edit with an id is made once.
 */
#include "stages.h"

static struct numbers n;
static struct kept k;

static weir_pipeline *begin(void)
{
    numbers_init(&n, 1000);
    n.gated = true;
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_start(p), 0);
    return p;
}

static void end(weir_pipeline *p)
{
    weir_totals t;
    numbers_allow(&n, 1000);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 1000);
    weir_totals_get(p, &t);
    CHECK_EQ(t.in_flight, 0);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
}

static weir_stage plus(const char *name)
{
    return (weir_stage){.name = name, .in = WEIR_I64, .map = add_one, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
}

/* What a number becomes, by the stages' names. */
static void draw(weir_pipeline *p, char *text, size_t size)
{
    static weir_stage_info info[128]; /* lanes that leave are many */
    size_t count = weir_stages(p, info, 128), used = 0;
    CHECK(count <= 128);
    text[0] = 0;
    for (size_t i = 0; i < count && used < size; i++)
        if (strcmp(info[i].status, "retiring") != 0)
            used += (size_t)snprintf(text + used, size - used, "%s*%u ", info[i].name, info[i].lanes);
}

static void check_drawn(weir_pipeline *p, const char *expected)
{
    char text[512];
    draw(p, text, sizeof text);
    if (strcmp(text, expected) != 0)
        check_failed(__FILE__, __LINE__, "the pipeline", "%s and %s", text, expected);
}

static void there_and_back(void *arg)
{
    (void)arg;
    char drawn[20][512];
    unsigned edits = 0;
    weir_pipeline *p = begin();
    draw(p, drawn[0], sizeof drawn[0]);
    while (edits < 12) {
        char name[16];
        snprintf(name, sizeof name, "s%u", edits);
        weir_stage stage = plus(name);
        weir_edit *e = weir_edit_begin(p);
        switch (edits ? check_random() % 5 : 0) {
        case 0:
            weir_edit_insert_first(e, &stage);
            break;
        case 1:
            weir_edit_insert_last(e, &stage);
            break;
        case 2:
            weir_edit_insert_first(e, &stage);
            stage.name = "both";
            if (!strstr(drawn[edits], "both"))
                weir_edit_insert_last(e, &stage);
            break;
        case 3:
            if (strstr(drawn[edits], "s0*"))
                weir_edit_scale(e, "s0", 1 + (unsigned)(check_random() % 3));
            else
                weir_edit_insert_first(e, &stage);
            break;
        default:
            if (strstr(drawn[edits], "s0*"))
                weir_edit_pop(e, "s0");
            else
                weir_edit_insert_first(e, &stage);
        }
        weir_receipt r;
        if (weir_commit(e, &r) != WEIR_OK)
            check_failed(__FILE__, __LINE__, "an edit", "%s", weir_error(p));
        if (!r.changed)
            continue;
        draw(p, drawn[++edits], sizeof drawn[0]);
        if (check_random() % 2)
            numbers_allow(&n, (int64_t)edits * 40);
    }
    for (unsigned i = edits; i-- > 0;) {
        CHECK_EQ(weir_undo(p, NULL), 0);
        check_drawn(p, drawn[i]);
    }
    CHECK_EQ(weir_undo(p, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "no edit to undo");
    unsigned again = (unsigned)(check_random() % (edits + 1));
    for (unsigned i = 1; i <= again; i++) {
        CHECK_EQ(weir_redo(p, NULL), 0);
        check_drawn(p, drawn[i]);
    }
    for (unsigned i = again; i-- > 0;)
        CHECK_EQ(weir_undo(p, NULL), 0);
    check_drawn(p, drawn[0]);
    weir_stage last = plus("last");
    CHECK_EQ(weir_insert_first(p, &last, NULL), 0);
    CHECK_EQ(weir_redo(p, NULL), WEIR_EREFUSED);
    end(p);
}

/* The terms of an edit hold for one that undoes another, too, and nothing else stands with it. */
static void an_undo_is_an_edit(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin();
    weir_stage one = plus("one"), two = plus("two");
    weir_preview preview;
    weir_past past[4];
    char before[512], after[512];
    draw(p, before, sizeof before);
    CHECK_EQ(weir_insert_first(p, &one, NULL), 0);
    draw(p, after, sizeof after);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_note(e, "somebody", "");
    weir_edit_timeout(e, 10000);
    CHECK_EQ(weir_edit_undo(e), 0);
    CHECK_EQ(weir_edit_preview(e, &preview), 0);
    CHECK(preview.changes);
    CHECK_EQ(preview.closes, 1);
    check_drawn(p, after);
    CHECK_EQ(weir_commit(e, NULL), 0);
    check_drawn(p, before);
    CHECK_EQ(weir_history(p, past, 4), 2);
    CHECK_HAS(past[0].who, "somebody");
    CHECK_HAS(past[0].what, "undo of revision 2");

    e = weir_edit_begin(p);
    weir_edit_expect(e, 1);
    CHECK_EQ(weir_edit_redo(e), WEIR_ECONFLICT);
    CHECK_EQ(weir_commit(e, NULL), WEIR_ECONFLICT);
    e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_redo(e), 0);
    CHECK_EQ(weir_insert_first(p, &two, NULL), 0); /* somebody else is faster */
    CHECK_EQ(weir_commit(e, NULL), WEIR_ECONFLICT);
    e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_undo(e), 0);
    CHECK_EQ(weir_edit_pop(e, "two"), WEIR_EREFUSED);
    CHECK_EQ(weir_commit(e, NULL), WEIR_EREFUSED);
    e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_redo(e), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "no edit to redo");
    weir_edit_discard(e);
    end(p);
}

static void what_cannot_be_made_again(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin();
    weir_stage sink = kept_stage(&k, "sink");
    weir_stage closes = plus("closes");
    closes.close = sink.close;
    static struct kept unused;
    kept_init(&unused);
    closes.state = &unused;
    closes.map = sink.map;
    CHECK_EQ(weir_insert_first(p, &(weir_stage){.name = "plain", .in = WEIR_I64, .map = add_one}, NULL), 0);
    CHECK_EQ(weir_insert_first(p, &closes, NULL), 0);
    CHECK_EQ(weir_pop(p, "closes", NULL), 0);
    weir_past past[8];
    CHECK_EQ(weir_history(p, past, 8), 3);
    CHECK(!past[0].can_undo);
    CHECK_HAS(past[0].why_not, "no recipe");
    CHECK_EQ(weir_undo(p, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "cannot be made again");
    end(p);
    kept_free(&unused);
}

static void an_id_is_made_once(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin();
    weir_receipt first, second;
    for (int i = 0; i < 2; i++) {
        weir_stage stage = plus("plus");
        weir_edit *e = weir_edit_begin(p);
        weir_edit_id(e, "one");
        weir_edit_note(e, "me", i ? NULL : "a plus");
        weir_edit_insert_first(e, &stage);
        CHECK_EQ(weir_commit(e, i ? &second : &first), 0);
    }
    CHECK_EQ(first.revision, second.revision);
    CHECK_EQ(weir_revision(p), first.revision);
    weir_past past[4];
    CHECK_EQ(weir_history(p, past, 4), 1);
    CHECK(strcmp(past[0].id, "one") == 0 && strcmp(past[0].who, "me") == 0 && strcmp(past[0].what, "a plus") == 0);
    CHECK_EQ(past[0].revision, 2);
    CHECK(past[0].can_undo && past[0].when_ns > 0);
    end(p);
}

/* A dry run says what would happen, and nothing happens; then the edit is made. */
static void a_preview_changes_nothing(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin();
    weir_preview preview;
    weir_receipt r;
    weir_stage stage = plus("plus"), other = plus("other");
    CHECK_EQ(weir_insert_first(p, &stage, NULL), 0);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_replace(e, "plus", &other);
    CHECK_EQ(weir_edit_preview(e, &preview), 0);
    CHECK(preview.changes && preview.revision == 2 && preview.opens == 1 && preview.closes == 1 && preview.strands >= 1);
    CHECK_HAS(preview.text, "- plus\n");
    CHECK_HAS(preview.text, "+ other (i64 -> i64)\n");
    CHECK_EQ(weir_revision(p), 2);
    check_drawn(p, "source*1 plus*1 sink*1 ");
    CHECK_EQ(weir_commit(e, &r), 0);
    CHECK_EQ(r.revision, 3);
    e = weir_edit_begin(p);
    weir_edit_pop(e, "other");
    weir_edit_pop(e, "sink");
    CHECK_EQ(weir_edit_preview(e, &preview), WEIR_EREFUSED);
    weir_edit_discard(e);
    end(p);
}

/* A stage that is stuck and has left is named, with its item; so is an edit that waits behind it. */
static void what_is_pending_is_named(void *arg)
{
    (void)arg;
    numbers_init(&n, 1000);
    n.gated = true;
    n.allowed = 10;
    kept_init(&k);
    k.blocked = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    event_wait(&k.entered, 1);
    weir_stage own = plus("own");
    own.blocking = true;
    CHECK_EQ(weir_insert_first(p, &own, NULL), 0);
    CHECK_EQ(weir_pop(p, "own", NULL), 0);
    weir_pending_info info[4];
    size_t count = weir_pending(p, info, 4);
    CHECK(count <= 1);
    if (count)
        CHECK(info[0].committed && strcmp(info[0].held_up_by, "own") == 0);
    event_raise(&k.go, 1);
    end(p);
}

int main(void)
{
    check_run("there_and_back", 200, there_and_back);
    check_run("an_undo_is_an_edit", 20, an_undo_is_an_edit);
    check_run("what_cannot_be_made_again", 20, what_cannot_be_made_again);
    check_run("an_id_is_made_once", 20, an_id_is_made_once);
    check_run("a_preview_changes_nothing", 50, a_preview_changes_nothing);
    check_run("what_is_pending_is_named", 50, what_is_pending_is_named);
    return check_done();
}
