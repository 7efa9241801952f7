/* SPDX-License-Identifier: MIT */
/* receipt.c - one line for a receipt, and what an edit would do line by line. */
#include "cli/receipt.h"

#include "cli/span.h"
#include "cli/state.h"

#include <stdio.h>

/* ", held up by slow, which has had item 17 in its hands for 3.2 s" */
static void print_hold_up(const json_t *receipt)
{
    long long item = state_count(receipt, "held_up_item"), ns = state_count(receipt, "held_up_ns");
    char span[SPAN_ROOM];
    if (!state_text(receipt, "held_up_by")[0])
        return;
    printf(", held up by %s", state_text(receipt, "held_up_by"));
    if (item)
        printf(" and its item %lld", item);
    if (ns)
        printf(" (for %s so far)", span_text((double)ns / 1e9, span));
}

void receipt_print(const json_t *receipt)
{
    long long undoes = state_count(receipt, "undoes"), late = state_count(receipt, "late");
    printf("%s: revision %lld, ", state_text(receipt, "name"), state_count(receipt, "revision"));
    if (undoes)
        printf("which takes back revision %lld (%s), ", undoes, state_text(receipt, "what"));
    if (!json_is_true(json_object_get(receipt, "changed"))) {
        puts("nothing to change");
        return;
    }
    printf("cut after %lld items, in effect after %.2f ms", state_count(receipt, "position"),
           (double)state_count(receipt, "effect_ns") / 1e6);
    if (late)
        printf(", %lld late", late);
    print_hold_up(receipt);
    puts(json_is_true(json_object_get(receipt, "pending")) ? "; pending, see weir pending" : "");
}

static const char *plural(long long count)
{
    return count == 1 ? "" : "s";
}

void preview_print(const json_t *preview)
{
    long long opens = state_count(preview, "opens"), closes = state_count(preview, "closes");
    long long parks = state_count(preview, "parks"), strands = state_count(preview, "strands");
    const char *text = state_text(preview, "text");
    if (!json_is_true(json_object_get(preview, "changes"))) {
        printf("%s: revision %lld, nothing to change\n", state_text(preview, "name"), state_count(preview, "revision"));
        return;
    }
    printf("%s: revision %lld, a dry run: it would open %lld stage%s, close %lld, and park %lld; %lld strand%s would be cut; "
           "%lld item%s would drain first\n",
           state_text(preview, "name"), state_count(preview, "revision"), opens, plural(opens), closes, parks, strands,
           plural(strands), state_count(preview, "drains"), plural(state_count(preview, "drains")));
    fputs(text, stdout); /* a line for each change */
}
