/* SPDX-License-Identifier: MIT */
/*
 * layout.h - which strand runs which stages, and how an edit gets from one layout to the next.
 *
 * layout_change() compares the flow before and after, keeps every strand it can, and works out each strand's part of the switch: a
 * `struct change`. Of the old strands
 *
 *   - those are *hard* whose program changes, or what they lead to, or how many ways in they have, or that leave;
 *   - the *entry* is the last strand that everything hard lies behind, whichever way the data takes, and whose inlets hold nothing
 *     *parted*: nothing in front of it makes, or has made, several items of one (so that all that came of an item is on one side). It
 *     gets its change by mailbox and applies it at its next boundary; that moment is the cut. If there is no such strand (several
 *     sources), every source's strand that leads to something hard is an entry, and each makes its own cut;
 *   - the *region* is what lies on the ways from the entries to what is hard. All channels inside it are cut and replaced, and each
 *     strand in it makes its part when the cut has come to all its inlets;
 *   - a strand behind the region goes on with another channel at each inlet that needs it, and does not wait (a *soft* change).
 *
 *     before    S --a--> U --b--> T          S is the entry: it writes to d; closes a with a cut
 *     after     S --d-----------> T          a's cut: U retires, and closes b with a cut;  b's cut: T reads on from d
 *
 * Until T has read b empty it does not look at d, so order holds; S meanwhile fills d, so nobody waits. Since each channel is
 * closed once, and what follows on it is fixed when the edit is made, edits that come closely one after another form a chain of
 * channels and need to know nothing of each other. And since the entry lies in front of everything that changes, an item and all
 * that came of it meet either the old or the new of all of it.
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
    size_t in_count, out_count;
    struct channel **ins;  /* NULL: nothing comes there */
    struct channel **outs; /* NULL: discarded */
    enum collect collect;
    bool marks, turns;
};

struct layout {
    size_t count;
    struct seat *seats;
    struct channel **channels; /* the seats' ins and outs; in the same block */
};

/* What an edit does to the strands, until all of them have made their part. */
struct edit_record {
    struct edit_record *next; /* the pipeline's list of unsettled edits */
    struct layout layout;     /* the new one; the pipeline takes it at the cut */
    struct change *changes;   /* the entries' first */
    size_t change_count, entry_count;
    struct gate gate;
    struct strand **fresh; /* new strands */
    size_t fresh_count;
    struct strand **starting; /* room for the changes' lists of those that they start */
    struct strand **retired;  /* strands that end by this edit */
    size_t retired_count;
    struct leaver *leaving; /* room for the changes' lists */
    struct instance **flushing;
    struct channel **channels; /* new channels; few batches fit until the edit has settled */
    size_t channel_count;
    struct channel **cut; /* old ones, which nobody uses when all have made their part */
    size_t cut_count;
    _Atomic size_t remaining; /* changes that have not been made, plus one; each subtracts one (acq_rel), and who leaves 1
                                  settles the edit and stores 0 (release) */
};

enum layout_says {
    LAYOUT_DONE,
    LAYOUT_NO_MEMORY,
    LAYOUT_ENDED, /* the data has ended in front of what would change */
};

/* The change from `old` (may be empty) to the flow; stages of `old` that are not in it have a fate, and those that come in know
 * whose heir they are. Unless it says LAYOUT_DONE nothing has changed. */
enum layout_says layout_change(struct supply *supply, const struct layout *old, const struct flow *flow,
                               struct edit_record **record);

/* Whether a strand of the layout has the stage. */
bool layout_has(const struct layout *layout, const struct instance *in);

/* Marks the channels of a layout that is put in force: `parted` and `turned`. */
void layout_mark(const struct layout *layout);

/* Undoes layout_change() when nothing was posted. */
void record_discard(struct supply *supply, struct edit_record *record);

/* All strands have made their part, and retired strands' threads are gone: gives everything back. */
void record_reap(struct supply *supply, struct edit_record *record);

void layout_free(struct layout *layout); /* the arrays, not what is in them */

#endif
