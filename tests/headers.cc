/* SPDX-License-Identifier: MIT */
/* Compiled as C++17 with the project's warnings: a public header that is not clean C++ fails the build. */
#include <weir/async.h>
#include <weir/client.h>
#include <weir/io.h>
#include <weir/runtime.h>
#include <weir/stage.h>
#include <weir/weir.h>

int main()
{
    weir_stage stage = {};
    stage.name = "x";
    return stage.pull ? 1 : 0;
}
