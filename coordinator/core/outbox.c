#include "coordinator/core/outbox.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_NS PLX_SEC_NS
#define RETRY_MAX_NS (5 * PLX_MIN_NS)
#define JITTER       0.25

/* A letter in its lane. */
struct item {
    struct item *next;
    struct plx_letter letter; /* texts of its own */
};

/* A letter that is done, and may not be so on disk. */
struct unnoted {
    struct unnoted *next;
    uint64_t letter, incident;
};

struct lane {
    struct plx_receiver receiver;
    bool configured;
    struct item *head, **tail;
    struct item *under_way; /* NULL: none */
    struct unnoted *unnoted;
    struct item *tests;       /* somebody waits for these: to be put before the head */
    size_t n;                 /* all that wait */
    struct plx_mono next_try; /* not before */
    double tokens;            /* attempts that the rate still allows */
    struct plx_mono refilled;
    uint32_t n_failed;
    uint64_t n_delivered, n_dead;
    char why[256];
};

struct plx_outbox {
    struct plx_outbox_policy policy;
    struct plx_rng rng;
    struct lane **lanes;
    uint32_t n_lanes;
};

const char *plx_letter_state_token(enum plx_letter_state state)
{
    static const char *const tokens[] = {"waiting", "delivered", "dead"};
    return tokens[state];
}

void plx_outbox_policy_default(struct plx_outbox_policy *ret)
{
    *ret = (struct plx_outbox_policy){.retry_min_ns = RETRY_MIN_NS,
                                      .retry_max_ns = RETRY_MAX_NS};
}

/* ---- lanes ---- */

static struct lane *lane_of(struct plx_outbox *self, const char *receiver)
{
    for (uint32_t i = 0; i < self->n_lanes; i++)
        if (strcmp(self->lanes[i]->receiver.name, receiver) == 0)
            return self->lanes[i];
    struct lane *lane = calloc(1, sizeof *lane);
    struct lane **more = realloc(self->lanes, (self->n_lanes + 1) * sizeof *self->lanes);
    if (!lane || !more)
        abort();
    plx_receiver_init(&lane->receiver);
    lane->receiver.name = plx_text_dup(receiver);
    lane->receiver.kind = plx_text_dup("");
    lane->tail = &lane->head;
    lane->tokens = 1;
    self->lanes = more;
    self->lanes[self->n_lanes++] = lane;
    return lane;
}

static void free_item(struct item *item)
{
    const char *texts[] = {item->letter.key, item->letter.receiver, item->letter.event,
                           item->letter.body};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)texts[i]);
    free(item);
}

static void drop(struct lane *lane, struct item *item)
{
    struct item **at = &lane->head;
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (!*at)
        lane->tail = at;
    lane->n--;
    free_item(item);
}

static void add_unnoted(struct lane *lane, const struct plx_letter *letter)
{
    struct unnoted *mine = calloc(1, sizeof *mine);
    if (!mine)
        abort();
    *mine = (struct unnoted){lane->unnoted, letter->id, letter->incident};
    lane->unnoted = mine;
}

static void drop_unnoted(struct unnoted **at)
{
    struct unnoted *gone = *at;
    *at = gone->next;
    free(gone);
}

/* The first letter that waits for no note. */
static struct item *first_free(const struct lane *lane)
{
    for (struct item *item = lane->head; item; item = item->next) {
        const struct unnoted *before = lane->unnoted;
        while (before && before->incident != item->letter.incident)
            before = before->next;
        if (!before)
            return item;
    }
    return NULL;
}

/* A test is tried at once, whatever the lane waits for,
 * and the rest with it if it succeeds. */
static void put_tests_first(struct lane *lane, struct plx_mono now)
{
    while (lane->tests) {
        struct item *item = lane->tests;
        lane->tests = item->next;
        item->next = lane->head;
        if (!lane->head)
            lane->tail = &item->next;
        lane->head = item;
        lane->next_try = now;
    }
}

struct plx_outbox *plx_outbox_new(const struct plx_outbox_policy *policy)
{
    struct plx_outbox *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->policy = *policy;
    plx_rng_init(&self->rng, policy->seed);
    return self;
}

void plx_outbox_destroy(struct plx_outbox **outbox)
{
    struct plx_outbox *self = *outbox;
    if (!self)
        return;
    for (uint32_t i = 0; i < self->n_lanes; i++) {
        struct lane *lane = self->lanes[i];
        put_tests_first(lane, lane->next_try);
        while (lane->head)
            drop(lane, lane->head);
        while (lane->unnoted)
            drop_unnoted(&lane->unnoted);
        plx_receiver_fini(&lane->receiver);
        free(lane);
    }
    free(self->lanes);
    free(self);
    *outbox = NULL;
}

void plx_outbox_set_receivers(struct plx_outbox *outbox, struct plx_mono now,
                              const struct plx_receiver *list, size_t n)
{
    for (uint32_t i = 0; i < outbox->n_lanes; i++)
        outbox->lanes[i]->configured = false;
    for (size_t i = 0; i < n; i++) {
        struct lane *lane = lane_of(outbox, list[i].name);
        plx_receiver_fini(&lane->receiver);
        plx_receiver_copy(&lane->receiver, &list[i]);
        lane->configured = true;
        lane->next_try = now;
    }
}

void plx_outbox_put(struct plx_outbox *outbox, const struct plx_letter *letter)
{
    struct lane *lane = lane_of(outbox, letter->receiver);
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->letter = *letter;
    item->letter.key = plx_text_dup(letter->key);
    item->letter.receiver = plx_text_dup(letter->receiver);
    item->letter.event = plx_text_dup(letter->event);
    item->letter.body = plx_text_dup(letter->body);
    item->letter.why = NULL;
    if (strcmp(letter->event, "test") == 0) {
        item->next = lane->tests;
        lane->tests = item;
    } else {
        *lane->tail = item;
        lane->tail = &item->next;
    }
    lane->n++;
}

void plx_outbox_clock_set(struct plx_outbox *outbox, int64_t step_ns)
{
    for (uint32_t i = 0; i < outbox->n_lanes; i++) {
        struct lane *lane = outbox->lanes[i];
        for (struct item *item = lane->head; item; item = item->next)
            item->letter.created.ns += step_ns;
        for (struct item *item = lane->tests; item; item = item->next)
            item->letter.created.ns += step_ns;
    }
}

/* ---- the next attempt ---- */

/* Whether the rate allows an attempt now; else when it will. */
static bool take_token(struct lane *lane, struct plx_mono now)
{
    double per_ns = lane->receiver.max_per_minute / 60e9;
    double most =
        lane->receiver.max_per_minute < 6 ? 1 : lane->receiver.max_per_minute / 6;
    lane->tokens += (double)plx_mono_diff(now, lane->refilled) * per_ns;
    lane->refilled = now;
    if (lane->tokens > most)
        lane->tokens = most;
    if (lane->tokens >= 1) {
        lane->tokens -= 1;
        return true;
    }
    lane->next_try = plx_mono_add(now, (int64_t)((1 - lane->tokens) / per_ns) + 1);
    return false;
}

/* Whoever is gone is not waited for. */
static bool may_try(struct lane *lane, struct plx_mono now)
{
    return lane->next_try.ns <= now.ns && (!lane->configured || take_token(lane, now));
}

bool plx_outbox_next(struct plx_outbox *outbox, struct plx_mono now,
                     struct plx_outbox_attempt *ret, int64_t *ret_wait_ns)
{
    int64_t wait_ns = INT64_MAX;
    for (uint32_t i = 0; i < outbox->n_lanes; i++) {
        struct lane *lane = outbox->lanes[i];
        if (lane->under_way)
            continue;
        put_tests_first(lane, now);
        struct item *item = first_free(lane);
        if (item && may_try(lane, now)) {
            lane->under_way = item;
            *ret = (struct plx_outbox_attempt){i, &item->letter,
                                               lane->configured ? &lane->receiver : NULL};
            return true;
        }
        if (item && plx_mono_diff(lane->next_try, now) < wait_ns)
            wait_ns = plx_mono_diff(lane->next_try, now);
    }
    *ret_wait_ns = wait_ns;
    return false;
}

/* ---- its end ---- */

/* Full periods double; what is drawn lies within a quarter of that. */
static int64_t backoff_ns(struct plx_outbox *self, uint32_t n_failed, int64_t asked_ns)
{
    const struct plx_outbox_policy *policy = &self->policy;
    int64_t ns = policy->retry_min_ns;
    for (uint32_t i = 1; i < n_failed && ns < policy->retry_max_ns; i++)
        ns *= 2;
    if (ns > policy->retry_max_ns)
        ns = policy->retry_max_ns;
    ns += (int64_t)((double)ns * JITTER * (2 * plx_rng_unit(&self->rng) - 1));
    if (asked_ns > policy->retry_max_ns)
        asked_ns = policy->retry_max_ns;
    return ns > asked_ns ? ns : asked_ns;
}

/* What comes of the attempt; the lane's counts follow. */
static enum plx_letter_state state_after(struct lane *lane, enum plx_fate fate,
                                         int64_t age_ns, const char *why)
{
    if (fate == PLX_FATE_DELIVERED) {
        lane->n_failed = 0;
        lane->n_delivered++;
        lane->why[0] = '\0';
        return PLX_LETTER_DELIVERED;
    }
    lane->n_failed++;
    snprintf(lane->why, sizeof lane->why, "%s", why);
    if (fate != PLX_FATE_REFUSED && age_ns < lane->receiver.give_up_ns)
        return PLX_LETTER_WAITING;
    lane->n_dead++;
    return PLX_LETTER_DEAD;
}

void plx_outbox_conclude(struct plx_outbox *outbox, uint32_t at, struct plx_mono now,
                         struct plx_wall wall, enum plx_fate fate, int64_t asked_ns,
                         const char *why, struct plx_outbox_result *ret)
{
    struct lane *lane = outbox->lanes[at];
    struct item *item = lane->under_way;
    struct plx_letter *letter = &item->letter;
    int64_t age_ns = plx_wall_diff(wall, letter->created);
    letter->attempts++;
    *ret = (struct plx_outbox_result){
        .letter = letter->id,
        .state = state_after(lane, fate, age_ns, why),
        .attempts = letter->attempts,
        .at = wall,
    };
    snprintf(ret->receiver, sizeof ret->receiver, "%s", lane->receiver.name);
    snprintf(ret->why, sizeof ret->why, "%s", why);
    lane->under_way = NULL;
    if (ret->state != PLX_LETTER_WAITING) {
        if (letter->incident != 0)
            add_unnoted(lane, letter);
        drop(lane, item);
        if (ret->state == PLX_LETTER_DEAD)
            lane->next_try = now;
        return;
    }
    /* Its last attempt is when its time is over, however long the lane has been waiting
     * from attempt to attempt: a dead letter is to be seen when the rules say so. */
    int64_t wait_ns = backoff_ns(outbox, lane->n_failed, asked_ns);
    int64_t left_ns = lane->receiver.give_up_ns - age_ns;
    lane->next_try = plx_mono_add(now, wait_ns < left_ns ? wait_ns : left_ns);
}

void plx_outbox_noted(struct plx_outbox *outbox, uint64_t letter)
{
    for (uint32_t i = 0; i < outbox->n_lanes; i++)
        for (struct unnoted **at = &outbox->lanes[i]->unnoted; *at; at = &(*at)->next)
            if ((*at)->letter == letter) {
                drop_unnoted(at);
                return;
            }
}

size_t plx_outbox_lanes(const struct plx_outbox *outbox, struct plx_outbox_lane *ret,
                        size_t max)
{
    for (uint32_t i = 0; i < outbox->n_lanes && i < max; i++) {
        const struct lane *lane = outbox->lanes[i];
        ret[i] = (struct plx_outbox_lane){
            .n_waiting = lane->n,
            .n_failed = lane->n_failed,
            .n_delivered = lane->n_delivered,
            .n_dead = lane->n_dead,
        };
        snprintf(ret[i].receiver, sizeof ret[i].receiver, "%s", lane->receiver.name);
        snprintf(ret[i].why, sizeof ret[i].why, "%s", lane->why);
    }
    return outbox->n_lanes;
}
