/* SPDX-License-Identifier: MIT */
/*
 * filters.c - filters at work: the first line of the input is an expression of filters, the rest are lines that go through it.
 *
 * What comes out of each stage is read to its last byte. A `delay` would only cost time, and is left out.
 */
#include "expr/expr.h"
#include "fuzz/engine.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define STAGES_MAX 8

struct chain {
    weir_stage stages[STAGES_MAX];
    size_t count;
};

static void read_bytes(const char *bytes, size_t len)
{
    static volatile unsigned sum;
    for (size_t i = 0; i < len; i++)
        sum = sum + (unsigned char)bytes[i];
}

static void read_item(const void *item, const weir_type *type)
{
    const weir_record *record = item;
    read_bytes(record->text.data, record->text.len);
    for (uint32_t i = 0; type == WEIR_RECORD && i < record->count; i++) {
        read_bytes(record->fields[i].name, record->fields[i].name_len);
        read_bytes(record->fields[i].value, record->fields[i].value_len);
    }
}

static void pass(struct chain *chain, size_t i, void *item, const weir_type *type);

static void pass_all(struct chain *chain, size_t i, struct weir_out *out)
{
    for (size_t k = 0; k < out->count; k++)
        pass(chain, i, out->items[k], out->type);
    out_reset(out);
}

static void check_failure(bool failed)
{
    REQUIRE(!failed || engine_error[0], "a stage failed without saying why");
    engine_error[0] = 0;
}

/* An item for stage i. */
static void pass(struct chain *chain, size_t i, void *item, const weir_type *type)
{
    read_item(item, type);
    if (i == chain->count || engine_finished)
        return;
    weir_stage *stage = &chain->stages[i];
    if (stage->map) {
        weir_verdict verdict = stage->map(stage->state, item);
        check_failure(verdict == WEIR_FAIL);
        if (verdict == WEIR_KEEP)
            pass(chain, i + 1, item, type);
        return;
    }
    struct weir_out out = {.type = stage->out ? stage->out : type};
    int status = stage->each(stage->state, item, &out);
    check_failure(status != 0);
    if (status != 0)
        out_reset(&out);
    pass_all(chain, i + 1, &out);
}

static void flush(struct chain *chain)
{
    const weir_type *type = WEIR_BYTES;
    for (size_t i = 0; i < chain->count; i++) {
        weir_stage *stage = &chain->stages[i];
        type = stage->out ? stage->out : type;
        struct weir_out out = {.type = type};
        if (stage->flush)
            check_failure(stage->flush(stage->state, &out) != 0);
        pass_all(chain, i + 1, &out);
    }
}

/* Whether each stage takes what the one before it puts out. */
static bool fits(const struct expr *expr, struct chain *chain)
{
    const weir_type *type = WEIR_BYTES;
    bool fitting = expr_count(expr) <= STAGES_MAX;
    for (size_t i = 0; fitting && i < expr_count(expr); i++) {
        const struct builtin *builtin = expr_builtin(expr, i);
        fitting = builtin->kind == BUILTIN_FILTER && strcmp(builtin->name, "delay") != 0;
    }
    for (size_t i = 0; fitting && i < expr_count(expr); i++) {
        weir_stage stage = expr_take((struct expr *)(uintptr_t)expr, i, NULL);
        chain->stages[chain->count++] = stage;
        fitting = (stage.map || stage.each) && (stage.in == WEIR_ANY || stage.in == type || stage.in == type->base);
        type = stage.out ? stage.out : type;
    }
    return fitting;
}

static void run(struct chain *chain, struct input *input)
{
    engine_finished = false;
    while (input->left > 0) {
        size_t len;
        char *line = input_line(input, &len);
        pass(chain, 0, &(weir_bytes){line, len}, WEIR_BYTES);
        free(line);
    }
    engine_finished = false;
    flush(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct expr_error error;
    struct chain chain = {.count = 0};
    char *text = input_text(&input);
    struct expr *expr = expr_parse_at(text, false, &error);
    if (expr && fits(expr, &chain))
        run(&chain, &input);
    for (size_t i = 0; i < chain.count; i++)
        if (chain.stages[i].close)
            chain.stages[i].close(chain.stages[i].state);
    expr_free(expr);
    free(text);
    return 0;
}
