/* SPDX-License-Identifier: MIT */
/*
 * tso.pml - memory as x86 has it (x86-TSO: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, CACM 2010), for kick.pml and channel.pml.
 *
 * Each thread has a first-in-first-out store buffer. A store goes into it; the process `memory` moves the oldest store of some
 * thread to memory at any moment. A load reads memory. The rest of x86-TSO, that a load sees its own thread's buffered store, is
 * not needed: no thread here loads a word that it may have in its buffer, and LOAD asserts that.
 *
 *     at_relaxed, at_acquire           LOAD
 *     at_release                       STORE
 *     at_store                         STORE_SC: compiles to xchg
 *     at_exchange, at_cas, fetch_add   EXCHANGE, CAS, ADD: locked instructions: buffer empty before, memory at once
 *     plat_fence, a lock taken         FENCE: waits until the own buffer is empty
 *     plat_fence_all (membarrier)      FENCE_ALL: each thread's buffer is empty at some moment of the call, one after the other
 *
 * Includer defines THREADS, WORDS and BUFFER (stores that fit into a buffer), and declares `byte me` in each thread.
 */
byte mem[WORDS];
chan buffer[THREADS] = [BUFFER] of {byte, byte};

#define FORWARDED(word)     (buffer[me] ?? [eval(word), _])
#define LOAD(into, word)    atomic { assert(!FORWARDED(word)); into = mem[word] }
#ifdef SC /* sequential consistency, to see what a bug needs store buffers for */
#define STORE(word, value)  mem[word] = value
#else
#define STORE(word, value)  buffer[me]!word, value
#endif
#define FENCE               empty(buffer[me])
#define FENCE_LOAD(into, word) atomic { FENCE; LOAD(into, word) } /* one step: nothing is gained by passing the fence earlier */
#define STORE_SC(word, value)         atomic { empty(buffer[me]); mem[word] = value }
#define EXCHANGE(into, word, value)   atomic { empty(buffer[me]); into = mem[word]; mem[word] = value }
#define ADD(word, value)              atomic { empty(buffer[me]); mem[word] = mem[word] + value }
#define CAS(ok, word, expect, value) CAS_DO(ok, word, expect, value, skip)
#define CAS_DO(ok, word, expect, value, and_then)                                                                              \
    atomic {                                                                                                                   \
        empty(buffer[me]);                                                                                                     \
        if                                                                                                                     \
        :: mem[word] == expect -> mem[word] = value; ok = true; and_then                                                                 \
        :: else -> ok = false                                                                                                  \
        fi                                                                                                                     \
    }

proctype memory()
{
    byte i, word, value;
end:
    do
    :: atomic { nempty(buffer[0]); buffer[0]?word, value; mem[word] = value; word = 0; value = 0 }
#if THREADS > 1
    :: atomic { nempty(buffer[1]); buffer[1]?word, value; mem[word] = value; word = 0; value = 0 }
#endif
#if THREADS > 2
    :: atomic { nempty(buffer[2]); buffer[2]?word, value; mem[word] = value; word = 0; value = 0 }
#endif
#if THREADS > 3
    :: atomic { nempty(buffer[3]); buffer[3]?word, value; mem[word] = value; word = 0; value = 0 }
#endif
#if THREADS > 4
    :: atomic { nempty(buffer[4]); buffer[4]?word, value; mem[word] = value; word = 0; value = 0 }
#endif
    od
}
