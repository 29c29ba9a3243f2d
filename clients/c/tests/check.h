/* What the test files share: checks that go on, clocks, inputs, the engine. */
#ifndef CHECK_H
#define CHECK_H

#include "daemon.h"

#include <factord.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Of the test that runs. */
extern struct daemon engine;
extern int failures;

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);                           \
        }                                                                                 \
    } while (0)

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * FACTORD_S + (uint64_t)now.tv_nsec;
}

static inline void sleep_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static inline bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* The tests of layout.c. */
void a_name_is_looked_up_again_when_names_come_or_go(void);
void what_is_under_way_is_published_again_for_its_names(void);
void an_answer_bears_the_epoch_that_the_header_says(void);
void further_outputs_make_the_slots_longer(void);
void a_daemon_of_another_major_is_named(void);
void an_image_comes_over_the_channels_own_connection(void);
void every_number_in_an_image_is_checked(void);
void an_image_that_cannot_be_used_is_asked_for_once(void);
void a_champion_that_is_not_in_models_is_in_its_image(void);
void the_arm_is_the_one_of_the_layout(void);
void a_copy_of_another_name_is_not_evaluated(void);
void local_calls_end_a_second_after_the_last_heartbeat(void);
void without_the_right_the_ring_is_asked(void);
void a_pinned_name_has_one_version(void);
void a_thread_on_a_workers_cpu_is_told_once(void);

/* The tests of subscribers.c. */
void a_subscriber_reads_what_a_client_was_given(void);
void a_subscriber_that_is_overtaken_knows_how_many_it_missed(void);

#endif
