/* What a host program does to the floating-point environment of its thread; HOST_COUNT is not there
 * where the client promises nothing. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

#define HOST_DEFAULT 0x1F80u

/* FTZ, DAZ, both; down, up, to zero; a flag beside FTZ; and traps for every exception. */
static const uint32_t HOST_STATES[] = {0x9F80, 0x1FC0, 0x9FC0, 0x3F80,
                                       0x5F80, 0x7F80, 0x9F81, 0x0000};
#define HOST_COUNT (sizeof HOST_STATES / sizeof *HOST_STATES)

static inline uint32_t host_get(void)
{
    return _mm_getcsr();
}

static inline void host_set(uint32_t state)
{
    _mm_setcsr(state);
}
#elif defined(__aarch64__)
#define HOST_DEFAULT 0u

/* FZ; up, down, to zero. */
static const uint32_t HOST_STATES[] = {1u << 24, 1u << 22, 2u << 22, 3u << 22};
#define HOST_COUNT (sizeof HOST_STATES / sizeof *HOST_STATES)

static inline uint32_t host_get(void)
{
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    return (uint32_t)state;
}

static inline void host_set(uint32_t state)
{
    __asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)state) : "memory");
}
#endif

#endif
