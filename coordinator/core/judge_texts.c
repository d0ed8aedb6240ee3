#include "coordinator/core/judge_texts.h"

#include <stdlib.h>
#include <string.h>

void plx_texts_fini(struct plx_texts *t)
{
    free(t->at);
    *t = (struct plx_texts){0};
}

uint32_t plx_texts_add(struct plx_texts *t, const char *text)
{
    size_t size = strlen(text) + 1;
    if (size > UINT32_MAX - t->n)
        abort(); /* 4 GB of names: more than the monitors there may be can have */
    if (t->cap - t->n < size) {
        uint64_t cap = (uint64_t)t->n + t->n / 32 + size + 256;
        t->cap = cap > UINT32_MAX ? UINT32_MAX : (uint32_t)cap;
        t->at = realloc(t->at, t->cap);
        if (t->at == NULL)
            abort();
    }
    uint32_t at = t->n;
    memcpy(t->at + at, text, size);
    t->n += (uint32_t)size;
    return at;
}

void plx_texts_forget(struct plx_texts *t, uint32_t text)
{
    t->garbage += (uint32_t)strlen(t->at + text) + 1;
}
