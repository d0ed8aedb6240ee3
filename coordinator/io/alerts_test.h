/* Tests of receivers: a message that somebody asked for, and who waits for what comes of
 * it. It goes through the outbox like any other. Loop thread. */
#ifndef PLX_COORDINATOR_ALERTS_TEST_H
#define PLX_COORDINATOR_ALERTS_TEST_H

#include "coordinator/io/notifier.h"
#include "coordinator/io/store.h"

struct plx_alerts_test;

/* Those that wait. Both are borrowed. */
struct plx_alerts_tests {
    struct plx_store *store;
    struct plx_notifier *notifier;
    struct plx_alerts_test *first;
};

/* With NULL: nobody will ever know, the coordinator stops. */
typedef void plx_alerts_test_fn(void *arg, const struct plx_outbox_result *result);

/* Sends a test message to the receiver, which there must be; `fn` is called once, with
 * what came of the first attempt. 0 or what the store answers: then it is not called. */
int plx_alerts_tests_begin(struct plx_alerts_tests *tests, const char *receiver,
                           const char *who, plx_alerts_test_fn *fn, void *arg);
/* What came of a letter, whoever wrote it. */
void plx_alerts_tests_hear(struct plx_alerts_tests *tests,
                           const struct plx_outbox_result *result);
/* All who wait are told that they wait in vain. */
void plx_alerts_tests_drop(struct plx_alerts_tests *tests);

#endif
