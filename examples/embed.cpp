/* SPDX-License-Identifier: MIT */
/*
 * weir from C++: the numbers from 1 to 10 are squared and added up. A function without captures is a stage's function as it is;
 * what it needs comes through its state.
 */
#include <cstdio>
#include <weir/stage.h>
#include <weir/weir.h>
#if __has_include(<weir/client.h>)
#include <weir/client.h>
#endif

static int64_t &number(void *item)
{
    return *static_cast<int64_t *>(item);
}

int main()
{
    int64_t next = 1, sum = 0;

    weir_stage source{};
    source.name = "source";
    source.out = WEIR_I64;
    source.state = &next;
    source.pull = [](void *state, weir_out *out) -> int {
        if (number(state) > 10)
            return WEIR_END;
        void *item = weir_emit(out);
        if (!item)
            return weir_fail_memory();
        number(item) = number(state)++;
        return WEIR_MORE;
    };

    weir_stage square{};
    square.name = "square";
    square.in = WEIR_I64;
    square.map = [](void *, void *item) {
        number(item) *= number(item);
        return WEIR_KEEP;
    };

    weir_stage sink{};
    sink.name = "sink";
    sink.in = WEIR_I64;
    sink.out = WEIR_NONE;
    sink.state = &sum;
    sink.map = [](void *state, void *item) {
        number(state) += number(item);
        return WEIR_KEEP;
    };

    weir_pipeline *p = weir_new("embed");
    weir_append(p, &source);
    weir_append(p, &square);
    weir_append(p, &sink);
    int status = weir_run_to_end(p);
    if (status != WEIR_OK)
        std::fprintf(stderr, "%s\n", weir_error(p));
    std::printf("1 + 4 + 9 + ... + 100 = %lld\n", static_cast<long long>(sum));
    weir_free(p);
    return status != WEIR_OK;
}
