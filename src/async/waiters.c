/* SPDX-License-Identifier: MIT */
#include "async/waiters.h"

static bool take_back(weir_wait *w)
{
    link_leave(&list_of(w, struct waiter, wait)->link);
    return true;
}

static void prepare(struct waiter *waiter, const char *what)
{
    waiter->wait = (weir_wait){.what = what, .cancel = take_back};
    waiter->link = (struct link){0};
}

int waiters_wait(weir_task *t, struct list *line, struct waiter *waiter, const char *what)
{
    prepare(waiter, what);
    list_append(line, &waiter->link);
    return weir_wait_for(t, &waiter->wait);
}

int waiters_wait_first(weir_task *t, struct list *line, struct waiter *waiter, const char *what)
{
    prepare(waiter, what);
    list_prepend(line, &waiter->link);
    return weir_wait_for(t, &waiter->wait);
}

bool waiters_wake(struct list *line, int result)
{
    struct link *first = list_take(line);
    if (first)
        weir_wait_done(&list_of(first, struct waiter, link)->wait, result);
    return first != NULL;
}

void waiters_wake_all(struct list *line, int result)
{
    while (waiters_wake(line, result))
        ;
}
