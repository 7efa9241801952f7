/* SPDX-License-Identifier: MIT */
/*
 * expr.c - src/expr on a text: whatever it is, it becomes stages or a sentence about a place in it. The normal form of each stage
 * must parse to the same stage, and its normal form be itself. So must what is written of the whole, if that makes a pipeline.
 */
#include "expr/expr.h"

#include "fuzz/fuzz.h"
#include "fuzz/written.h"

#include <stdlib.h>
#include <string.h>

/* What an engine would go by. */
static void check_same(const weir_stage *a, const weir_stage *b, const char *text)
{
    REQUIRE(a->in == b->in && a->out == b->out && a->place == b->place && a->on_error == b->on_error && a->map == b->map &&
                a->each == b->each && a->batch == b->batch && a->pull == b->pull && a->tick_ms == b->tick_ms,
            "the normal form %s makes another stage", text);
}

static void close(const weir_stage *stage)
{
    if (stage->close)
        stage->close(stage->state);
}

static void check_round_trip(struct expr *expr, size_t i)
{
    struct expr_error error;
    const char *text = expr_text(expr, i);
    struct expr *again = expr_parse_at(text, i == 0, &error);
    REQUIRE(again, "the normal form %s is refused: %s", text, error.message);
    REQUIRE(expr_count(again) == 1 && expr_builtin(again, 0) == expr_builtin(expr, i), "the normal form %s is something else",
            text);
    REQUIRE(strcmp(expr_text(again, 0), text) == 0, "the normal form of %s is %s", text, expr_text(again, 0));
    weir_stage first = expr_take(expr, i, NULL), second = expr_take(again, 0, expr_label(expr, i));
    REQUIRE(first.name[0] && strcmp(first.name, second.name) == 0, "the label %s became %s", first.name, second.name);
    check_same(&first, &second, text);
    close(&first);
    close(&second);
    expr_free(again);
}

static void check_chain(const char *text)
{
    struct expr_error error;
    struct expr *expr = expr_parse(text, &error);
    if (!expr)
        written_check_error(&error, strlen(text));
    for (size_t i = 0; expr && i < expr_count(expr); i++)
        check_round_trip(expr, i);
    expr_free(expr);
}

static void check_whole(const char *text)
{
    struct expr_error error;
    struct graph *graph = graph_parse(text, true, &error);
    if (graph)
        written_check(graph);
    else
        written_check_error(&error, strlen(text));
    graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    check_chain(text);
    check_whole(text);
    free(text);
    return 0;
}
