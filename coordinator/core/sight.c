#include "coordinator/core/sight.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX (PLX_ADDRESSES_MAX + 1) /* one tells that there are more */

struct parts {
    struct plx_wall scheduled; /* names the run */
    size_t n;
    struct plx_sight_address list[PARTS_MAX];
};

struct plx_sight_run {
    struct parts last, next;
};

void plx_sight_fini(struct plx_sight *sight)
{
    free(sight->excerpt);
    free(sight->run);
    sight->excerpt = NULL;
    sight->run = NULL;
}

/* The parts are of the run that ends now, or of none. */
static void end_run(struct plx_sight_run *run, const struct plx_result *r)
{
    run->last.n = 0;
    if (run->next.scheduled.ns == r->scheduled.ns)
        run->last = run->next;
    run->next.n = 0;
}

void plx_sight_take(struct plx_sight *sight, const struct plx_result *r,
                    struct plx_wall at)
{
    struct plx_sight_run *run = sight->run;
    if (run)
        end_run(run, r);
    free(sight->excerpt);
    *sight = (struct plx_sight){
        .agent = sight->agent,
        .outcome = r->outcome,
        .detail = r->detail,
        .at = at,
        .rtt_us = r->rtt_us,
        .syn_retrans = r->syn_retrans,
        .icmp_type = r->icmp_type,
        .icmp_code = r->icmp_code,
        .icmp_from = r->icmp_from,
        .address = r->address,
        .excerpt = r->excerpt[0] ? plx_text_dup(r->excerpt) : NULL,
        .run = run,
    };
}

void plx_sight_take_address(struct plx_sight *sight, const struct plx_result *r)
{
    if (!sight->run && !(sight->run = calloc(1, sizeof *sight->run)))
        abort();
    struct parts *next = &sight->run->next;
    if (next->scheduled.ns != r->scheduled.ns)
        next->n = 0;
    next->scheduled = r->scheduled;
    if (next->n == PARTS_MAX)
        return;
    next->list[next->n++] = (struct plx_sight_address){
        .address = r->address,
        .outcome = r->outcome,
        .unreach = r->unreach,
        .detail = r->detail,
        .rtt_us = r->rtt_us,
        .icmp_from = r->icmp_from,
    };
}

const struct plx_sight_address *plx_sight_addresses(const struct plx_sight *sight,
                                                    size_t *ret_n)
{
    *ret_n = sight->run ? sight->run->last.n : 0;
    return sight->run ? sight->run->last.list : NULL;
}

/* Appends one address that is not in the text yet; false: it does not fit. */
static bool name(const struct plx_sight_address *a, char ret[PLX_SIGHT_FAILING_MAX])
{
    char address[PLX_ADDR_TEXT_MAX], word[PLX_ADDR_TEXT_MAX + 16];
    size_t used = strlen(ret);
    snprintf(word, sizeof word, "%s %s", plx_addr_format(&a->address, address),
             plx_outcome_token(a->outcome));
    const char *said = strstr(ret, word);
    if (said && (said == ret || said[-1] == ' '))
        return true;
    if (used + strlen(word) + 3 > PLX_SIGHT_FAILING_MAX)
        return false;
    snprintf(ret + used, PLX_SIGHT_FAILING_MAX - used, "%s%s", used > 0 ? ", " : "",
             word);
    return true;
}

void plx_sights_failing(const struct plx_sight *sights, size_t n,
                        char ret[PLX_SIGHT_FAILING_MAX])
{
    ret[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t n_parts;
        const struct plx_sight_address *list = plx_sight_addresses(&sights[i], &n_parts);
        if (sights[i].detail != PLX_DETAIL_HALF_UP)
            continue;
        for (size_t k = 0; k < n_parts; k++)
            if (list[k].outcome != PLX_OUTCOME_OPEN &&
                !plx_outcome_is_local(list[k].outcome) && !name(&list[k], ret))
                return;
    }
}
