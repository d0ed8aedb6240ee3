#include "coordinator/http/files.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PAGE      "index.html"
#define GZIP_BITS (15 + 16) /* zlib's way to ask for gzip's header */
#define FILE_MAX  (8 * 1024 * 1024)

struct plx_files {
    size_t n;
    struct plx_file list[];
};

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
    {".json", "application/json"},         {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

bool plx_gzip(const void *bytes, size_t len, int level, struct plx_buf *ret)
{
    z_stream z = {0};
    if (deflateInit2(&z, level, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t cap = deflateBound(&z, len);
    char *out = malloc(cap);
    if (!out)
        abort();
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    bool shorter = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < len;
    if (shorter)
        plx_buf_add(ret, out, z.total_out);
    deflateEnd(&z);
    free(out);
    return shorter;
}

void plx_content_tag(const void *bytes, size_t len, char ret[48])
{
    uint8_t hash[16];
    char hex[33];
    crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(ret, 48, "\"%s\"", hex);
}

struct plx_files *plx_files_new(void)
{
    size_t n = plx_n_embedded_files;
    struct plx_files *files = calloc(1, sizeof *files + n * sizeof *files->list);
    if (!files)
        abort();
    files->n = n;
    for (size_t i = 0; i < n; i++) {
        const struct plx_embedded *plain = &plx_embedded_files[i];
        struct plx_file *file = &files->list[i];
        file->plain = plain;
        file->type = type_of(plain->name);
        file->forever = strcmp(plain->name, PAGE) != 0;
        plx_content_tag(plain->bytes, plain->len, file->tag);
        plx_buf_init(&file->gzip, FILE_MAX);
        plx_gzip(plain->bytes, plain->len, Z_BEST_COMPRESSION, &file->gzip);
    }
    return files;
}

void plx_files_destroy(struct plx_files **files)
{
    if (!*files)
        return;
    for (size_t i = 0; i < (*files)->n; i++)
        plx_buf_fini(&(*files)->list[i].gzip);
    free(*files);
    *files = NULL;
}

const struct plx_file *plx_files_find(const struct plx_files *files, const char *name)
{
    const char *wanted = *name ? name : PAGE;
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->list[i].plain->name, wanted) == 0)
            return &files->list[i];
    return NULL;
}
