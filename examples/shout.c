/* SPDX-License-Identifier: MIT */
/*
 * A Unix filter: lines from standard input come out in capitals. While it runs, a function that trims blanks from the end of
 * each line is inserted, and popped again.
 */
#include <ctype.h>
#include <stdio.h>
#include <weir/weir.h>

static weir_verdict shout(void *state, void *item)
{
    (void)state;
    weir_bytes *line = item;
    for (size_t i = 0; i < line->len; i++)
        line->data[i] = (char)toupper((unsigned char)line->data[i]);
    return WEIR_KEEP;
}

static weir_verdict trim(void *state, void *item)
{
    (void)state;
    weir_bytes *line = item;
    while (line->len > 0 && isblank((unsigned char)line->data[line->len - 1]))
        line->len--;
    return WEIR_KEEP;
}

int main(void)
{
    weir_pipeline *p = weir_new("shout");
    weir_append(p, weir_read_lines(0, NULL));
    weir_append(p, &(weir_stage){.name = "shout", .in = WEIR_BYTES, .map = shout});
    weir_append(p, weir_write_lines(1, NULL));
    weir_start(p);

    weir_insert_after(p, "shout", &(weir_stage){.name = "trim", .in = WEIR_BYTES, .map = trim}, NULL);
    weir_pop(p, "trim", NULL);

    int status = weir_run_to_end(p);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", weir_error(p));
    weir_free(p);
    return status != WEIR_OK;
}
