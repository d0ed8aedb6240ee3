/* The API's check: probe a target now from every location, and stream what comes back. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define AGENTS_MAX  256
#define CHECKS_MAX  64 /* at the same time */
#define CHECKS_EACH 16 /* of one guest */
#define BURST       5  /* attempts of each agent, where several are wanted */
/* What an answer may take beyond the probe's own timeout. */
#define TRAVEL_NS   (3 * PLX_SEC_NS)

struct asked {
    uint32_t slot;
    uint32_t n_answered, n_ok; /* attempts */
};

struct plx_check {
    struct plx_check *next;
    struct plx_call *call;
    uint64_t id;
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    int64_t timeout_ns;
    enum plx_greeting_preset greeting;
    enum plx_expect expect;
    uint32_t n_attempts; /* of each agent */
    struct plx_mono deadline;
    struct asked asked[AGENTS_MAX];
    size_t n_asked, n_answered;
    uint32_t outcomes[PLX_OUTCOME_COUNT_];
    struct plx_buf answers; /* an open array */
    struct plx_json answers_json;
};

static void free_check(struct plx_check *check)
{
    plx_buf_fini(&check->answers);
    free(check);
}

/* ---- choosing and asking ---- */

bool plx_api_is_wanted(const struct plx_agent *agent, const char **from, size_t n)
{
    const struct plx_candidate candidate = {
        .region = agent->region,
        .labels = agent->labels,
        .n_labels = agent->n_labels,
    };
    for (size_t i = 0; i < n; i++)
        if (plx_assign_matches(from[i], &candidate))
            return true;
    return n == 0;
}

static void ask(struct plx_api *api, struct plx_check *check, uint32_t slot)
{
    const struct plx_task task = {
        .host = check->host,
        .port = check->port,
        .interval_ns = PLX_MIN_NS,
        .timeout_ns = check->timeout_ns,
        .source = "",
        .expect = check->expect,
        .handshake = check->greeting ? PLX_HANDSHAKE_FULL : PLX_HANDSHAKE_HALF_OPEN,
        .greeting =
            plx_greeting_as_sent(&(struct plx_greeting){check->greeting, NULL, 0}),
    };
    const struct plx_task attempts[BURST] = {task, task, task, task, task};
    const struct plx_msg_probe_now order = {
        .request_id = check->id,
        .tasks = attempts,
        .n_tasks = check->n_attempts,
    };
    if (plx_intake_probe(api->intake, slot, &order) == 0)
        check->asked[check->n_asked++] = (struct asked){.slot = slot};
}

static void ask_all(struct plx_api *api, struct plx_check *check, const char **from,
                    size_t n_from)
{
    const struct plx_roster *roster = api->desk->roster;
    for (uint32_t i = 0; i < plx_roster_count(roster) && check->n_asked < AGENTS_MAX;
         i++) {
        const struct plx_agent *agent = plx_roster_at(roster, i);
        if (agent->alive && !agent->revoked && plx_api_is_wanted(agent, from, n_from))
            ask(api, check, i);
    }
}

/* ---- answering ---- */

/* "ok": whether it is as expected; null where the agent could not tell. */
static void write_ok(struct plx_json *j, enum plx_expect expect, enum plx_outcome outcome)
{
    plx_json_key(j, "ok");
    if (plx_outcome_is_local(outcome))
        plx_json_null(j);
    else
        plx_json_bool(j, !plx_expect_is_bad(expect, outcome));
}

static void write_answer(struct plx_json *j, const struct plx_agent *agent,
                         enum plx_expect expect, const struct plx_result *r)
{
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "location", agent->region);
    uint32_t latency_us = r->rtt_us;
    if (latency_us == 0 && r->outcome == PLX_OUTCOME_OPEN)
        latency_us = (uint32_t)(r->duration_ns / PLX_US_NS);
    plx_api_write_probe(j, r->outcome, r->unreach, r->detail, latency_us, &r->address,
                        &r->icmp_from);
    write_ok(j, expect, r->outcome);
    plx_json_kuint(j, "syn_retrans", r->syn_retrans);
    plx_json_kstr(j, "excerpt", r->excerpt[0] ? r->excerpt : NULL);
    plx_json_knum(j, "duration_ms", (double)r->duration_ns / (double)PLX_MS_NS, 3);
    plx_json_end(j);
}

static void write_summary(const struct plx_check *check, struct plx_json *j)
{
    plx_json_key(j, "summary");
    plx_json_object(j);
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++)
        if (check->outcomes[o] > 0)
            plx_json_kuint(j, plx_outcome_token((enum plx_outcome)o), check->outcomes[o]);
    plx_json_end(j);
    plx_json_kuint(j, "asked", check->n_asked);
    plx_json_kuint(j, "answered", check->n_answered);
}

static void write_missing(struct plx_api *api, const struct plx_check *check,
                          struct plx_json *j)
{
    plx_json_key(j, "missing");
    plx_json_array(j);
    for (size_t i = 0; i < check->n_asked; i++)
        if (check->asked[i].n_answered < check->n_attempts)
            plx_json_str(j, plx_roster_at(api->desk->roster, check->asked[i].slot)->name);
    plx_json_end(j);
}

/* "bursts": how many of each agent's attempts were as expected. */
static void write_bursts(struct plx_api *api, const struct plx_check *check,
                         struct plx_json *j)
{
    plx_json_key(j, "bursts");
    plx_json_array(j);
    for (size_t i = 0; check->n_attempts > 1 && i < check->n_asked; i++) {
        const struct asked *asked = &check->asked[i];
        const struct plx_agent *agent = plx_roster_at(api->desk->roster, asked->slot);
        plx_json_object(j);
        plx_json_kstr(j, "agent", agent->name);
        plx_json_kstr(j, "region", agent->region);
        plx_json_kuint(j, "attempts", asked->n_answered);
        plx_json_kuint(j, "ok", asked->n_ok);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void finish(struct plx_api *api, struct plx_check *check)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_json_end(&check->answers_json);
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kstr(&j, "host", check->host);
    plx_json_kuint(&j, "port", check->port);
    plx_json_key(&j, "answers");
    plx_json_raw(&j, plx_buf_str(&check->answers));
    write_summary(check, &j);
    write_missing(api, check, &j);
    write_bursts(api, check, &j);
    plx_json_end(&j);
    plx_call_end(check->call, &buf);
    free_check(check);
}

static void unlink_check(struct plx_api *api, struct plx_check *check)
{
    struct plx_check **p = &api->checks;
    while (*p && *p != check)
        p = &(*p)->next;
    if (*p)
        *p = check->next;
}

static void take_answer(struct plx_api *api, struct plx_check *check, struct asked *asked,
                        const struct plx_result *result)
{
    const struct plx_agent *agent = plx_roster_at(api->desk->roster, asked->slot);
    struct plx_buf part;
    struct plx_json j;
    asked->n_answered++;
    asked->n_ok += !plx_outcome_is_local(result->outcome) &&
                   !plx_expect_is_bad(check->expect, result->outcome);
    check->n_answered += asked->n_answered == check->n_attempts;
    check->outcomes[result->outcome]++;
    write_answer(&check->answers_json, agent, check->expect, result);
    plx_buf_init(&part, PLX_API_BODY_MAX);
    plx_json_init(&j, &part);
    write_answer(&j, agent, check->expect, result);
    plx_call_part(check->call, &part);
    plx_buf_fini(&part);
    if (check->n_answered == check->n_asked) {
        unlink_check(api, check);
        finish(api, check);
    }
}

void plx_checks_done(void *arg, uint32_t agent_slot, uint64_t request_id,
                     const struct plx_result *result)
{
    struct plx_api *api = arg;
    for (struct plx_check *c = api->checks; c; c = c->next) {
        if (c->id != request_id)
            continue;
        for (size_t i = 0; i < c->n_asked; i++)
            if (c->asked[i].slot == agent_slot &&
                c->asked[i].n_answered < c->n_attempts) {
                take_answer(api, c, &c->asked[i], result);
                return;
            }
        return;
    }
}

void plx_checks_tick(struct plx_api *api, struct plx_mono now)
{
    struct plx_check *next;
    for (struct plx_check *c = api->checks; c; c = next) {
        next = c->next;
        if (plx_mono_diff(now, c->deadline) < 0)
            continue;
        unlink_check(api, c);
        finish(api, c);
    }
}

void plx_checks_drop(struct plx_api *api)
{
    while (api->checks) {
        struct plx_check *check = api->checks;
        api->checks = check->next;
        plx_call_fail(check->call, PLX_EGONE, "the coordinator is stopping");
        free_check(check);
    }
}

/* ---- the method ---- */

static int read_wanted(struct plx_call *call, struct plx_check *check,
                       struct plx_why *why)
{
    const char *greeting = NULL, *expect = NULL;
    int value;
    int err = plx_call_text(call, "greeting", false, &greeting, why);
    if (err == 0)
        err = plx_call_text(call, "expect", false, &expect, why);
    if (err == 0 && greeting) {
        check->greeting = plx_greeting_preset_parse(greeting);
        if (check->greeting == PLX_GREETING_NO_PRESET)
            err = plx_why_set(why, PLX_EINVAL, "'greeting': '%s' is none of %s", greeting,
                              plx_greeting_preset_list());
    }
    if (err == 0 && expect) {
        value = plx_expect_parse(expect);
        if (value < 0)
            return plx_why_set(why, PLX_EINVAL,
                               "'expect': '%s' is not open, refused, filtered or closed",
                               expect);
        check->expect = (enum plx_expect)value;
    }
    if (err == 0 && check->greeting && check->expect != PLX_EXPECT_OPEN)
        err = plx_why_set(why, PLX_EINVAL, "a greeting is only for 'expect: open'");
    return err;
}

static int read_check(struct plx_call *call, struct plx_check *check, const char ***from,
                      size_t *n_from, struct plx_why *why)
{
    const char *target;
    int err = plx_call_text(call, "target", true, &target, why);
    if (err == 0 && plx_text_host_port(target, check->host, &check->port) < 0)
        err = plx_why_set(why, PLX_EINVAL, "'target': '%s' is not HOST:PORT", target);
    if (err == 0)
        err = plx_call_duration(call, "timeout", &check->timeout_ns, why);
    if (err == 0 && (check->timeout_ns < PLX_MONITOR_TIMEOUT_MIN_NS ||
                     check->timeout_ns > PLX_MONITOR_TIMEOUT_MAX_NS))
        err = plx_why_set(why, PLX_EINVAL, "'timeout' must be 10ms to 60s");
    bool burst = false;
    if (err == 0)
        err = read_wanted(call, check, why);
    if (err == 0)
        err = plx_call_bool(call, "burst", &burst, why);
    check->n_attempts = burst ? BURST : 1;
    if (err == 0)
        err = plx_call_texts(call, "from", false, from, n_from, why);
    return err;
}

/* Of one guest; NULL: of all. */
static size_t count_checks(const struct plx_api *api, const char *who)
{
    size_t n = 0;
    for (const struct plx_check *c = api->checks; c; c = c->next)
        n += !who || strcmp(c->call->who, who) == 0;
    return n;
}

void plx_api_check(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_why why = {""};
    const char **from = NULL;
    size_t n_from = 0;
    struct plx_check *check = calloc(1, sizeof *check);
    if (!check)
        abort();
    check->call = call;
    check->timeout_ns = 5 * PLX_SEC_NS;
    int err = read_check(call, check, &from, &n_from, &why);
    if (err == 0 && count_checks(api, call->who) >= CHECKS_EACH)
        err = plx_why_set(&why, PLX_EAGAIN, "you have %d checks under way: try again",
                          CHECKS_EACH);
    if (err == 0 && count_checks(api, NULL) >= CHECKS_MAX)
        err = plx_why_set(&why, PLX_EAGAIN, "too many checks at once: try again");
    if (err == 0) {
        check->id = api->next_check++;
        ask_all(api, check, from, n_from);
        if (check->n_asked == 0)
            err = plx_why_set(&why, PLX_ENOTFOUND, "no live agent is in %s",
                              n_from > 0 ? "these locations" : "any location");
    }
    free(from);
    if (err < 0) {
        free_check(check);
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    check->deadline = plx_mono_add(plx_clock_mono(), check->timeout_ns + TRAVEL_NS);
    plx_buf_init(&check->answers, PLX_API_BODY_MAX);
    plx_json_init(&check->answers_json, &check->answers);
    plx_json_array(&check->answers_json);
    check->next = api->checks;
    api->checks = check;
}
