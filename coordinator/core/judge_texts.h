/* The judge's texts, behind one another in one block and named by where they begin: a
 * name is its bytes and no more. */
#ifndef PLX_CORE_JUDGE_TEXTS_H
#define PLX_CORE_JUDGE_TEXTS_H

#include <stdint.h>

/* All zero is ready. */
struct plx_texts {
    char *at;
    uint32_t n, cap;  /* bytes */
    uint32_t garbage; /* of those, forgotten */
};

void plx_texts_fini(struct plx_texts *texts);

/* Copies a text and returns its number. */
uint32_t plx_texts_add(struct plx_texts *texts, const char *text);
/* Its bytes are garbage from now on. */
void plx_texts_forget(struct plx_texts *texts, uint32_t text);

/* Lent until the next text is added. */
static inline const char *plx_texts_get(const struct plx_texts *texts, uint32_t text)
{
    return texts->at + text;
}

#endif
