/* SPDX-License-Identifier: MIT */
/* state.c - printing what a pipeline says about itself. */
#include "cli/state.h"

long long state_count(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

const char *state_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void state_print_equation(const json_t *state, FILE *stream)
{
    const json_t *totals = json_object_get(state, "totals");
    fprintf(stream,
            "admitted %lld + created %lld = delivered %lld + filtered %lld + failed %lld + returned %lld + in flight %lld\n",
            state_count(totals, "admitted"), state_count(totals, "created"), state_count(totals, "delivered"),
            state_count(totals, "filtered"), state_count(totals, "failed"), state_count(totals, "returned"),
            state_count(totals, "in_flight"));
}

void state_print_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}
