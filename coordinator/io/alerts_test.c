#include "coordinator/io/alerts_test.h"

#include "base/text.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/store_incidents.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct plx_alerts_test {
    struct plx_alerts_test *next;
    struct plx_alerts_tests *tests;
    uint64_t letter;        /* 0: not committed yet */
    plx_alerts_test_fn *fn; /* NULL: has been told */
    void *arg;
};

void plx_alerts_tests_hear(struct plx_alerts_tests *tests,
                           const struct plx_outbox_result *result)
{
    for (struct plx_alerts_test **at = &tests->first; *at; at = &(*at)->next)
        if ((*at)->letter == result->letter) {
            struct plx_alerts_test *test = *at;
            *at = test->next;
            test->fn(test->arg, result);
            free(test);
            return;
        }
}

static void on_committed(void *arg, int err, const char *why,
                         const struct plx_letter *letters, size_t n)
{
    struct plx_alerts_test *test = arg;
    if (!test->fn) { /* the letter is in the outbox; the next start sends it */
        free(test);
        return;
    }
    if (err < 0 || n == 0) {
        struct plx_outbox_result failed = {.letter = UINT64_MAX,
                                           .state = PLX_LETTER_DEAD};
        snprintf(failed.why, sizeof failed.why, "it was not stored: %s", why);
        test->letter = failed.letter;
        plx_alerts_tests_hear(test->tests, &failed);
        return;
    }
    test->letter = letters[0].id;
    plx_notifier_send(test->tests->notifier, &letters[0]);
}

static void fill(struct plx_message *m, const char *key, const char *who,
                 struct plx_wall now)
{
    char sentence[256];
    snprintf(sentence, sizeof sentence,
             "%s asked for a test. Nothing is wrong; this receiver works.", who);
    *m = (struct plx_message){
        .key = plx_text_dup(key),
        .event = plx_text_dup("test"),
        .kind = plx_text_dup("service"),
        .severity = plx_text_dup("critical"),
        .state = plx_text_dup("open"),
        .entity = plx_text_dup("test"),
        .title = plx_text_dup("a test of this receiver"),
        .sentence = plx_text_dup(sentence),
        .at = now,
        .onset = now,
        .opened = now,
        .acked_by = plx_text_dup(""),
        .note = plx_text_dup(""),
        .runbook = plx_text_dup(""),
        .url = plx_text_dup(""),
    };
}

static int put_letter(struct plx_alerts_test *test, const char *receiver, const char *who)
{
    struct plx_wall now = plx_clock_wall();
    char key[64];
    struct plx_message message;
    snprintf(key, sizeof key, "parallax-test-%016" PRIx64 "%08" PRIx32, (uint64_t)now.ns,
             randombytes_random());
    fill(&message, key, who, now);
    char *body = plx_alerts_letter_body(&message);
    const struct plx_letter letter = {
        .key = key,
        .receiver = receiver,
        .event = "test",
        .body = body,
        .created = now,
    };
    const struct plx_store_incident_batch batch = {.letters = &letter, .n_letters = 1};
    int err = plx_store_put_incidents(test->tests->store, &batch, on_committed, test);
    free(body);
    plx_message_fini(&message);
    return err;
}

int plx_alerts_tests_begin(struct plx_alerts_tests *tests, const char *receiver,
                           const char *who, plx_alerts_test_fn *fn, void *arg)
{
    struct plx_alerts_test *test = calloc(1, sizeof *test);
    if (!test)
        abort();
    *test = (struct plx_alerts_test){tests->first, tests, 0, fn, arg};
    tests->first = test;
    int err = put_letter(test, receiver, who);
    if (err < 0) {
        tests->first = test->next;
        free(test);
    }
    return err;
}

void plx_alerts_tests_drop(struct plx_alerts_tests *tests)
{
    while (tests->first) {
        struct plx_alerts_test *test = tests->first;
        tests->first = test->next;
        test->fn(test->arg, NULL);
        test->fn = NULL;
        if (test->letter != 0) /* else the store still has it, and brings it back */
            free(test);
    }
}
