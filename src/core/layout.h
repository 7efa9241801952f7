/* SPDX-License-Identifier: MIT */
/*
 * layout.h - which strand runs which stages, and how an edit gets from one layout to the next.
 *
 * layout_change() compares the stages on the path before and after, keeps every strand it can, and works out each strand's part
 * of the switch: a `struct change`. The first of the strands concerned (the entry) gets its change by mailbox and applies it at
 * its next boundary; that moment is the cut. All others get theirs as a `cut` pill at the end of the channel that they read now:
 *
 *     before    S --a--> U --b--> T          S's change: write to d; close a with a cut
 *     after     S --d-----------> T          a's cut: U retires, and closes b with a cut;  b's cut: T reads on from d
 *
 * Until T has read b empty it does not look at d, so order holds; S meanwhile fills d, so nobody waits. Since each channel is
 * closed once, and what follows on it is fixed when the edit is made, edits that come closely one after another form a chain of
 * channels and need to know nothing of each other.
 *
 * Everything that can fail happens in layout_change(): strands, channels and changes all exist before the first is posted.
 */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#include "core/strand.h"

/* Strands and channels, for use and reuse. They stay valid memory until supply_free(). Only who has the pipeline's edit turn
 * takes and gives; anybody may walk `all`. */
struct supply {
    struct env *env;
    _Atomic(struct strand *) all;  /* grows at the head (release); linked by all_next */
    struct strand *free_strands;   /* linked by pool_next */
    struct channel *free_channels; /* linked by pool_next */
    unsigned strand_count;
};

void supply_free(struct supply *supply); /* strands and the channels that were given back; all strands at rest for good */
void supply_give_strand(struct supply *supply, struct strand *s);
void supply_give_channel(struct supply *supply, struct channel *ch);

/* One strand of a layout, as it will be when all edits so far have reached it. */
struct seat {
    struct strand *strand;
    struct program *program;
    struct channel *in, *out;
};

struct layout {
    size_t count;
    struct seat *seats;
};

/* What an edit does to the strands, until all of them have made their part. */
struct edit_record {
    struct edit_record *next; /* the pipeline's list of unsettled edits */
    struct layout layout;     /* the new one; the pipeline takes it at the cut */
    struct strand *entry;     /* NULL: no running strand is concerned */
    struct change *changes;   /* [0] is the entry's */
    size_t change_count;
    struct strand **fresh; /* new strands */
    size_t fresh_count;
    struct strand **starting; /* room for the changes' lists of those that they start */
    struct strand **retired;  /* strands that end by this edit */
    size_t retired_count;
    struct instance **leaving; /* room for the changes' lists */
    struct instance **flushing;
    struct channel **channels; /* new channels; few batches fit until the edit has settled */
    size_t channel_count;
    _Atomic size_t remaining; /* strands that have not made their part, plus one; each subtracts one (acq_rel), and who leaves 1
                                  settles the edit and stores 0 (release) */
};

/* The first stage that would change places with one that it ran behind, or NULL. layout_change() cannot do that. */
const struct instance *layout_moved(const struct layout *old, struct instance **path, size_t n);

/* The change from `old` (may be empty) to the stages path[0..n); stages of `old` that are not in it have a fate. NULL: no memory, and nothing has changed. */
struct edit_record *layout_change(struct supply *supply, const struct layout *old, struct instance **path, size_t n);

/* Undoes layout_change() when nothing was posted. */
void record_discard(struct supply *supply, struct edit_record *record);

/* All strands have made their part, and retired strands' threads are gone: gives everything back. */
void record_reap(struct supply *supply, struct edit_record *record);

void layout_free(struct layout *layout); /* the array, not what is in it */

#endif
