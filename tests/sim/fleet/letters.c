#include "letters.h"

#include "base/text.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *key, *receiver, *body;
    uint64_t incident;
    bool begins, ends; /* the incident, for this receiver */
    int64_t committed_at;
    uint32_t n_arrived;
    bool refused;
    enum plx_letter_state noted;
};

static struct {
    struct entry *entries; /* of id 1, 2, … */
    size_t n, cap;
} ledger;

struct plx_letters_counts plx_letters_counts;

void plx_letters_begin(void)
{
    memset(&ledger, 0, sizeof ledger);
    plx_letters_counts = (struct plx_letters_counts){0};
}

void plx_letters_end(void)
{
    for (size_t i = 0; i < ledger.n; i++) {
        free(ledger.entries[i].key);
        free(ledger.entries[i].receiver);
        free(ledger.entries[i].body);
    }
    free(ledger.entries);
    memset(&ledger, 0, sizeof ledger);
}

void plx_letters_committed(const struct plx_letter *letter)
{
    const char *event = letter->event;
    if (letter->id != ledger.n + 1)
        abort();
    if (ledger.n == ledger.cap) {
        ledger.cap = ledger.cap ? 2 * ledger.cap : 64;
        ledger.entries = realloc(ledger.entries, ledger.cap * sizeof *ledger.entries);
        if (!ledger.entries)
            abort();
    }
    ledger.entries[ledger.n++] = (struct entry){
        .key = plx_text_dup(letter->key),
        .receiver = plx_text_dup(letter->receiver),
        .body = plx_text_dup(letter->body),
        .incident = letter->incident,
        .begins = strcmp(event, "open") == 0 || strcmp(event, "escalate") == 0,
        .ends = strcmp(event, "resolve") == 0,
        .committed_at = plx_sim_now(),
        .noted = PLX_LETTER_WAITING,
    };
    plx_letters_counts.committed++;
}

/* By its key; what is told is mostly young. */
static struct entry *find(const char *receiver, const char *key)
{
    for (size_t i = ledger.n; i-- > 0;)
        if (strcmp(ledger.entries[i].key, key) == 0 &&
            strcmp(ledger.entries[i].receiver, receiver) == 0)
            return &ledger.entries[i];
    return NULL;
}

/* The key stands in the body, too, so that what is left of it is compared. */
static size_t words_of(const char *body)
{
    const char *event = strstr(body, "\"event\"");
    return event ? (size_t)(event - body) : 0;
}

static const struct entry *find_words(const char *receiver, const char *body)
{
    for (size_t i = ledger.n; i-- > 0;) {
        const struct entry *e = &ledger.entries[i];
        if (strcmp(e->receiver, receiver) == 0 &&
            strcmp(e->body + words_of(e->body), body + words_of(body)) == 0)
            return e;
    }
    return NULL;
}

static bool same_thread(const struct entry *a, const struct entry *b)
{
    return a->incident == b->incident && strcmp(a->receiver, b->receiver) == 0;
}

/* One incident's news comes to one receiver in its order, and nothing of it after the
 * end, told again or not. */
static void check_order(const struct entry *e)
{
    for (const struct entry *later = e + 1; later < ledger.entries + ledger.n; later++)
        if (later->n_arrived > 0 && same_thread(e, later) &&
            (later->ends || e->n_arrived == 0))
            plx_sim_violation("%s was told %s after %s", e->receiver, e->key, later->key);
}

void plx_letters_arrived(const char *receiver, const char *key, const char *body)
{
    struct entry *e = find(receiver, key);
    const struct entry *other = e ? NULL : find_words(receiver, body);
    plx_sim_say("told %s %s", receiver, key);
    if (other) {
        plx_sim_violation("%s was told %s under another key: %s", receiver, other->key,
                          key);
        return;
    }
    if (!e) {
        plx_sim_violation("told and not committed: %s %s", receiver, key);
        return;
    }
    if (strcmp(e->body, body) != 0)
        plx_sim_violation("%s was told something else under %s: %s, it was %s", receiver,
                          key, body, e->body);
    if (e->noted != PLX_LETTER_WAITING)
        plx_sim_violation("%s was told %s again, and the disk had it as %s", receiver,
                          key, plx_letter_state_token(e->noted));
    check_order(e);
    plx_letters_counts.arrived += e->n_arrived == 0;
    plx_letters_counts.repeated += e->n_arrived > 0;
    e->n_arrived++;
}

void plx_letters_refused(const char *receiver, const char *key)
{
    struct entry *e = find(receiver, key);
    if (!e || e->refused)
        return;
    e->refused = true;
    plx_letters_counts.refused++;
}

void plx_letters_noted(uint64_t id, enum plx_letter_state state)
{
    struct entry *e = &ledger.entries[id - 1];
    e->noted = state;
    if (state == PLX_LETTER_DELIVERED && e->n_arrived == 0)
        plx_sim_violation("%s is said to be delivered and never came to %s", e->key,
                          e->receiver);
    if (state == PLX_LETTER_DEAD && !e->refused)
        plx_sim_violation("%s was given up, and %s did not refuse it", e->key,
                          e->receiver);
}

void plx_letters_check_owed(const struct plx_incident *incident)
{
    bool over = incident->state == PLX_INCIDENT_CLOSED;
    for (size_t t = 0; t < incident->n_told; t++) {
        const char *receiver = incident->told[t].receiver;
        bool open = false, told = false;
        for (size_t i = 0; i < ledger.n; i++) {
            const struct entry *e = &ledger.entries[i];
            if (e->incident != incident->id || strcmp(e->receiver, receiver) != 0)
                continue;
            told = told || e->begins;
            open = e->begins || (open && !e->ends);
        }
        if (!told || open == over)
            plx_sim_violation("incident %" PRIu64 " is %s, and %s is not to be told",
                              incident->id, over ? "over" : "announced", receiver);
    }
}

void plx_letters_check_delivered(int64_t before_ns)
{
    for (size_t i = 0; i < ledger.n; i++) {
        const struct entry *e = &ledger.entries[i];
        if (e->committed_at < before_ns && e->n_arrived == 0 && !e->refused)
            plx_sim_violation("committed and never told: %s %s", e->receiver, e->key);
        if (e->committed_at < before_ns && e->noted == PLX_LETTER_WAITING)
            plx_sim_violation("%s still waits in the outbox", e->key);
    }
}
