/* SPDX-License-Identifier: MIT */
/* record.c - a record to try things on. */
#include "fuzz/record.h"

#include <stdlib.h>

void sample_take(struct sample *sample, struct input *input)
{
    size_t len;
    *sample = (struct sample){.line = input_line(input, &len)};
    sample->record.text = (weir_bytes){sample->line, len};
    if (json_index(&sample->json, sample->line, len) != 0)
        return;
    sample->record.fields = sample->json.fields;
    sample->record.count = sample->json.count;
}

void sample_release(struct sample *sample)
{
    json_free(&sample->json);
    free(sample->line);
}
