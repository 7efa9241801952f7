/* SPDX-License-Identifier: MIT */
/*
 * Memory for ports. All else about them is in strand.c, which alone uses them.
 */
#include "core/ports.h"

struct ports *ports_new(size_t in_count, size_t out_count)
{
    struct ports *ports = plat_alloc(sizeof *ports + in_count * sizeof *ports->ins);
    if (!ports)
        return NULL;
    ports->outs = plat_alloc((out_count + 1) * sizeof *ports->outs);
    if (!ports->outs) {
        plat_free(ports);
        return NULL;
    }
    ports->in_count = in_count;
    ports->out_count = out_count;
    for (size_t i = 0; i < out_count; i++)
        ports->outs[i].was = NO_INDEX;
    return ports;
}

void ports_free(struct ports *ports)
{
    if (ports)
        plat_free(ports->outs);
    plat_free(ports);
}
