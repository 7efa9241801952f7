/* SPDX-License-Identifier: MIT */
/*
 * Three functions in a pipeline: numbers go in at one end, are doubled, incremented and squared, and come out at the other.
 * Then a function that negates is inserted between them and, later, the one that increments is popped. Nothing is taken
 * apart for it and nothing starts anew: the source just goes on counting, and the sink takes what comes.
 *
 * The source hands out as many numbers as main() allows, and main() waits until they have arrived, so that what is printed is
 * the same each time. The pipeline needs neither.
 */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

/* What main(), the source and the sink tell each other, under the mutex. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    int64_t allowed, made, taken;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};

static weir_verdict twice(void *state, void *item)
{
    (void)state;
    *(int64_t *)item *= 2;
    return WEIR_KEEP;
}

static weir_verdict increment(void *state, void *item)
{
    (void)state;
    *(int64_t *)item += 1;
    return WEIR_KEEP;
}

static weir_verdict square(void *state, void *item)
{
    (void)state;
    *(int64_t *)item *= *(int64_t *)item;
    return WEIR_KEEP;
}

static weir_verdict negate(void *state, void *item)
{
    (void)state;
    *(int64_t *)item *= -1;
    return WEIR_KEEP;
}

/* The source: 1, 2, 3, ... as far as it is allowed to. */
static int count(void *state, weir_out *out)
{
    (void)state;
    pthread_mutex_lock(&gate.mutex);
    int64_t *item = gate.made < gate.allowed ? weir_emit(out) : NULL;
    if (item)
        *item = ++gate.made;
    pthread_mutex_unlock(&gate.mutex);
    return item ? WEIR_MORE : WEIR_IDLE;
}

/* The sink. */
static weir_verdict print(void *state, void *item)
{
    (void)state;
    pthread_mutex_lock(&gate.mutex);
    printf("%3lld -> %lld\n", (long long)++gate.taken, (long long)*(int64_t *)item);
    pthread_cond_signal(&gate.arrived);
    pthread_mutex_unlock(&gate.mutex);
    return WEIR_KEEP;
}

static void let_through(weir_pipeline *p, int64_t n)
{
    pthread_mutex_lock(&gate.mutex);
    gate.allowed += n;
    weir_wake(p, "count");
    while (gate.taken < gate.allowed)
        pthread_cond_wait(&gate.arrived, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

int main(void)
{
    weir_receipt receipt;
    weir_pipeline *p = weir_new("insert_and_pop");
    weir_append(p, &(weir_stage){.name = "count", .out = WEIR_I64, .pull = count});
    weir_append(p, &(weir_stage){.name = "twice", .in = WEIR_I64, .map = twice});
    weir_append(p, &(weir_stage){.name = "increment", .in = WEIR_I64, .map = increment});
    weir_append(p, &(weir_stage){.name = "square", .in = WEIR_I64, .map = square});
    weir_append(p, &(weir_stage){.name = "print", .in = WEIR_I64, .out = WEIR_NONE, .map = print});
    if (weir_start(p) != WEIR_OK)
        goto fail;

    puts("count | twice | increment | square | print");
    let_through(p, 3);

    if (weir_insert_after(p, "square", &(weir_stage){.name = "negate", .in = WEIR_I64, .map = negate}, &receipt) != WEIR_OK)
        goto fail;
    printf("count | twice | increment | square | negate | print     after %llu numbers\n",
           (unsigned long long)receipt.position);
    let_through(p, 3);

    if (weir_pop(p, "increment", &receipt) != WEIR_OK)
        goto fail;
    printf("count | twice | square | negate | print                 after %llu numbers\n",
           (unsigned long long)receipt.position);
    let_through(p, 3);

    if (weir_stop(p) != WEIR_OK)
        goto fail;
    weir_free(p);
    return 0;
fail:
    fprintf(stderr, "%s\n", weir_error(p));
    weir_free(p);
    return 1;
}
