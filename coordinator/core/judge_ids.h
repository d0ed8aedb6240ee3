/* A list of ids, ascending and without doubles. */
#ifndef PLX_CORE_JUDGE_IDS_H
#define PLX_CORE_JUDGE_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct plx_ids {
    uint32_t *ids; /* ascending */
    uint32_t n, cap;
};

bool plx_ids_has(const struct plx_ids *list, uint32_t id);
/* Both do nothing where the list is so already. */
void plx_ids_add(struct plx_ids *list, uint32_t id);
void plx_ids_remove(struct plx_ids *list, uint32_t id);
bool plx_ids_same(const struct plx_ids *a, const struct plx_ids *b);
void plx_ids_fini(struct plx_ids *list);

#endif
