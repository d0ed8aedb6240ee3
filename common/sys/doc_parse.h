/* Inside of doc: text to tree. Nobody but doc*.c includes this. */
#ifndef PLX_SYS_DOC_PARSE_H
#define PLX_SYS_DOC_PARSE_H

#include "sys/doc.h"

/* Nodes one document may hold; with their text that is at most half a gigabyte. */
#define PLX_DOC_NODES_MAX (8 * 1000 * 1000)

struct plx_doc_chunk;

struct plx_doc {
    char *name;
    struct plx_node *root;
    struct plx_doc_chunk *chunks; /* the nodes and their text live here */
};

/* Zeroed storage that lives as long as the document. */
void *plx_doc_alloc(struct plx_doc *doc, size_t size);

/* What libyaml would let pass or explain badly: over-long lines, bytes that are not
 * UTF-8, control characters, tabs as indentation. */
int plx_doc_scan(const char *name, const char *text, size_t len, struct plx_why *why);

/* Fills `doc` (name set, nothing else). */
int plx_doc_build(struct plx_doc *doc, const char *text, size_t len, struct plx_why *why);

#endif
