/* The dashboard's files, which are part of the program.
 *
 * They are built by web/build.mjs and embedded by CMake. Compressed and tagged once, at
 * the start; read by the HTTP thread afterwards. */
#ifndef PLX_HTTP_FILES_H
#define PLX_HTTP_FILES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* As embedded: made by cmake/embed_files.cmake. */
struct plx_embedded {
    const char *name;
    const unsigned char *bytes;
    size_t len;
};
extern const struct plx_embedded plx_embedded_files[];
extern const size_t plx_n_embedded_files;

struct plx_file {
    const struct plx_embedded *plain;
    struct plx_buf gzip; /* empty: not worth it */
    const char *type;    /* of the content */
    char tag[48];        /* of these bytes, quoted */
    bool forever;        /* the name has a hash of the content in it */
};

struct plx_files;

struct plx_files *plx_files_new(void);
void plx_files_destroy(struct plx_files **files);
/* NULL: there is none of that name. "" names the page itself. */
const struct plx_file *plx_files_find(const struct plx_files *files, const char *name);

/* Shared with answers that are made as they are asked for. */

/* The gzip of some bytes; false (and nothing added) if it would not be shorter. */
bool plx_gzip(const void *bytes, size_t len, int level, struct plx_buf *ret);
/* A tag of the content: the same bytes, the same tag. */
void plx_content_tag(const void *bytes, size_t len, char ret[48]);

#endif
