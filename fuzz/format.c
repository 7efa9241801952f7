/* SPDX-License-Identifier: MIT */
/*
 * format.c - stages/format.c: the first line of the input is a template, the second a JSON object to fill it with. Beside it goes
 * the simplest thing that does the same.
 */
#include "fuzz/engine.h"
#include "fuzz/record.h"
#include "stages/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_field(FILE *out, const weir_record *record, const char *name, size_t len)
{
    uint32_t hint = 0;
    const weir_field *field = weir_record_find(record, name, len, &hint);
    if (!field)
        return;
    char *text = malloc(field->value_len);
    fwrite(text, 1, weir_field_text(field, text, field->value_len), out);
    free(text);
}

/* The line, or NULL if the template is not right. */
static char *expect(const char *template, const weir_record *record, size_t *len)
{
    char *line;
    FILE *out = open_memstream(&line, len);
    const char *p = template;
    for (; *p; p++) {
        if (*p != '{' && *p != '}') {
            putc(*p, out);
        } else if (p[1] == *p) {
            putc(*p++, out);
        } else {
            const char *end = *p == '{' ? strchr(p, '}') : NULL;
            if (!end)
                break;
            if (end == p + 1)
                fwrite(record->text.data, 1, record->text.len, out);
            else
                put_field(out, record, p + 1, (size_t)(end - p - 1));
            p = end;
        }
    }
    fclose(out);
    if (!*p)
        return line;
    free(line);
    return NULL;
}

static void run(const weir_stage *stage, weir_record *record, const char *expected, size_t len)
{
    struct weir_out out = {.type = WEIR_BYTES};
    REQUIRE(stage->each(stage->state, record, &out) == 0 && out.count == 1, "it put out %zu lines", out.count);
    const weir_bytes *line = out.items[0];
    REQUIRE(line->len == len && memcmp(line->data, expected, len) == 0, "\"%.*s\" instead of \"%s\"", (int)line->len,
            line->data, expected);
    out_reset(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct sample sample;
    struct option_value values[BUILTIN_OPTIONS_MAX] = {{.text = input_text(&input)}};
    weir_stage stage = {0};
    char error[384] = "";
    size_t len;
    sample_take(&sample, &input);
    char *expected = expect(values[0].text, &sample.record, &len);
    int made = builtin_find("format")->make(values, &stage, error, sizeof error);
    REQUIRE((made == 0) == (expected != NULL), "the template is %s: %s", made ? "refused" : "taken", error);
    if (made == 0) {
        run(&stage, &sample.record, expected, len);
        stage.close(stage.state);
    }
    free(expected);
    sample_release(&sample);
    free((char *)(uintptr_t)values[0].text);
    return 0;
}
