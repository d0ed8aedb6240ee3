/* The API's method on providers: whose networks the agents stand in, as the judge takes
 * it (the label `provider`), and how many agents each has. */
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

/* One agent's. */
struct stand {
    const char *provider; /* lent by the roster; "": not labelled */
    bool live;
};

/* By name; those without one come last. */
static int by_provider(const void *a, const void *b)
{
    const struct stand *x = a, *y = b;
    if (!*x->provider || !*y->provider)
        return !*x->provider - !*y->provider;
    return strcmp(x->provider, y->provider);
}

/* Gives the stands of all agents that are not shut out, sorted; the caller frees. */
static struct stand *collect(const struct plx_roster *roster, size_t *ret_n)
{
    size_t n_agents = plx_roster_count(roster), n = 0;
    struct stand *list = calloc(n_agents ? n_agents : 1, sizeof *list);
    if (!list)
        abort();
    for (uint32_t i = 0; i < n_agents; i++) {
        const struct plx_agent *agent = plx_roster_at(roster, i);
        if (agent->revoked)
            continue;
        list[n].provider = plx_agent_label(agent, "provider");
        list[n++].live = plx_roster_presence(agent) == PLX_PRESENCE_LIVE;
    }
    qsort(list, n, sizeof *list, by_provider);
    *ret_n = n;
    return list;
}

/* Writes the first of these and all of the same provider as one; returns how many. */
static size_t write_provider(const struct stand *list, size_t n, struct plx_json *j)
{
    const char *name = list[0].provider;
    size_t i = 0, n_live = 0;
    for (; i < n && strcmp(list[i].provider, name) == 0; i++)
        n_live += list[i].live;
    plx_json_object(j);
    plx_json_kstr(j, "provider", *name ? name : NULL);
    plx_json_kuint(j, "agents", i);
    plx_json_kuint(j, "live", n_live);
    plx_json_end(j);
    return i;
}

void plx_api_providers_list(struct plx_call *call)
{
    size_t n;
    struct stand *list = collect(call->api->desk->roster, &n);
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "providers");
    plx_json_array(&j);
    for (size_t i = 0; i < n;)
        i += write_provider(&list[i], n - i, &j);
    plx_json_end(&j);
    plx_json_end(&j);
    free(list);
    plx_call_end(call, &buf);
}
