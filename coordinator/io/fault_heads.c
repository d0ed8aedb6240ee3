#include "coordinator/io/fault_heads.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void plx_fault_heads_init(struct plx_fault_heads *heads, struct plx_court *court)
{
    const struct plx_judge_fault *faults;
    size_t n;
    plx_judge_faults(plx_court_judge(court), &faults, &n);
    heads->list = calloc(n + 1, sizeof *heads->list);
    if (!heads->list)
        abort();
    heads->n = n;
    for (size_t i = 0; i < n; i++)
        heads->list[i] = (struct plx_fault_head){faults[i].id, faults[i].class,
                                                 plx_text_dup(faults[i].entity)};
}

void plx_fault_heads_fini(struct plx_fault_heads *heads)
{
    for (size_t i = 0; i < heads->n; i++)
        free(heads->list[i].entity);
    free(heads->list);
    *heads = (struct plx_fault_heads){0};
}

const char *plx_fault_id(uint64_t id, char buf[PLX_FAULT_ID_MAX])
{
    snprintf(buf, PLX_FAULT_ID_MAX, "f%" PRIu64, id);
    return buf;
}

static const struct plx_fault_head *find_head(const struct plx_fault_heads *heads,
                                              uint64_t id)
{
    for (size_t i = 0; i < heads->n; i++)
        if (heads->list[i].id == id)
            return &heads->list[i];
    return NULL;
}

/* A server-side fault goes before others, because the verdict does. */
const char *plx_fault_scope(const struct plx_fault_heads *heads,
                            const struct plx_judge_ruling *ruling)
{
    const char *scope = "";
    for (size_t i = 0; i < ruling->n_faults; i++) {
        const struct plx_fault_head *head = find_head(heads, ruling->faults[i]);
        if (!head)
            continue;
        if (plx_judge_class_is_server(head->class))
            return head->entity;
        if (*scope == '\0')
            scope = head->entity;
    }
    return scope;
}
