/* SPDX-License-Identifier: MIT */
/* record.h - a record to try things on, from a line of an input. */
#ifndef FUZZ_RECORD_H
#define FUZZ_RECORD_H

#include "fuzz/fuzz.h"
#include "stages/json.h"

struct sample {
    char *line;
    struct json_index json;
    weir_record record;
};

/* Of the next line, if it is a JSON object, else without fields. */
void sample_take(struct sample *sample, struct input *input);
void sample_release(struct sample *sample);

#endif
