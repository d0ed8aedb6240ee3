#include "coordinator/io/tally.h"

#include <string.h>

void plx_tally_one(struct plx_tally *tally, const char *word)
{
    size_t i = 0;
    while (i < tally->n && strcmp(tally->words[i], word) != 0)
        i++;
    if (i == tally->n && tally->n < PLX_TALLY_MAX)
        tally->words[tally->n++] = word;
    if (i < tally->n)
        tally->counts[i]++;
}
