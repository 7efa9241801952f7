/* SPDX-License-Identifier: MIT */
/*
 * list.h - lists whose links lie in what is listed: nothing is allocated, and what knows its link can leave from anywhere.
 *
 * A link that is in no list points at nothing (zeroed memory is fine), so that leaving twice does no harm.
 */
#ifndef ASYNC_LIST_H
#define ASYNC_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev, *next;
};

struct list {
    struct link ends; /* ends.next is the first, ends.prev the last; both point here when the list is empty */
};

/* The thing whose member `member` is at `link`. */
#define list_of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->ends.prev = list->ends.next = &list->ends;
}

static inline bool list_empty(const struct list *list)
{
    return list->ends.next == &list->ends;
}

static inline struct link *list_first(const struct list *list)
{
    return list_empty(list) ? NULL : list->ends.next;
}

/* The one behind `link`; NULL at the end. */
static inline struct link *list_next(const struct list *list, const struct link *link)
{
    return link->next == &list->ends ? NULL : link->next;
}

static inline bool link_listed(const struct link *link)
{
    return link->next != NULL;
}

static inline void list_append(struct list *list, struct link *link)
{
    link->prev = list->ends.prev;
    link->next = &list->ends;
    link->prev->next = link;
    list->ends.prev = link;
}

static inline void list_prepend(struct list *list, struct link *link)
{
    link->next = list->ends.next;
    link->prev = &list->ends;
    link->next->prev = link;
    list->ends.next = link;
}

static inline void link_leave(struct link *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

static inline struct link *list_take(struct list *list)
{
    struct link *first = list_first(list);
    if (first)
        link_leave(first);
    return first;
}

/* All of `from` goes to the empty list `to`. */
static inline void list_move(struct list *to, struct list *from)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->ends.next->prev = to->ends.prev->next = &to->ends;
    list_init(from);
}

#endif
