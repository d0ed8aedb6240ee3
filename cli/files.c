#include "cli/files.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "coordinator/receivers/receiver.h"
#include "schema/apply.h"
#include "sys/doc.h"
#include "sys/file.h"

#include <stdlib.h>
#include <string.h>

/* What one file says. */
struct source {
    const char *path;
    char *text;
    struct plx_apply_file file;
};

static size_t count(const struct plx_args *args)
{
    size_t n = args->n_words;
    for (size_t i = 0; plx_args_nth(args, "file", i); i++)
        n++;
    return n;
}

static const char *path_of(const struct plx_args *args, size_t i)
{
    const char *path = plx_args_nth(args, "file", i);
    if (path)
        return path;
    size_t n_options = 0;
    while (plx_args_nth(args, "file", n_options))
        n_options++;
    return args->words[i - n_options];
}

static int read_source(struct source *s, const char *path, struct plx_why *why)
{
    size_t len;
    s->path = path;
    int err = plx_file_read(path, PLX_DOC_BYTES_MAX, &s->text, &len, why);
    if (err == PLX_EINVAL || err == PLX_ETOOBIG)
        plx_why_in(why, err, "%s:1:1", path);
    if (err < 0)
        return err;
    return plx_apply_parse(path, s->text, len, plx_receiver_check, NULL, &s->file, why);
}

/* A monitor's name and its file. */
struct owner {
    const char *name, *path;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct owner *)a)->name, ((const struct owner *)b)->name);
}

/* Inside of one file that is settled already. */
static int refuse_same_names(const struct source *sources, size_t n, size_t n_monitors,
                             struct plx_why *why)
{
    struct owner *owners = calloc(n_monitors + 1, sizeof *owners);
    if (!owners)
        abort();
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < sources[i].file.monitors.n; m++)
            owners[k++] =
                (struct owner){sources[i].file.monitors.list[m].name, sources[i].path};
    qsort(owners, k, sizeof *owners, by_name);
    int err = 0;
    for (size_t i = 1; i < k && err == 0; i++)
        if (strcmp(owners[i - 1].name, owners[i].name) == 0)
            err = plx_why_set(why, PLX_EINVAL, "monitor '%s' is in %s and in %s",
                              owners[i].name, owners[i - 1].path, owners[i].path);
    free(owners);
    return err;
}

/* Each section in one file only: two would overwrite one another. */
static int refuse_same_sections(const struct source *sources, size_t n,
                                struct plx_why *why)
{
    for (int section = 0; section < PLX_SECTION_COUNT_; section++) {
        const char *first = NULL;
        for (size_t i = 0; i < n; i++) {
            if (!sources[i].file.alerting.has[section])
                continue;
            if (first)
                return plx_why_set(
                    why, PLX_EINVAL, "'%s' is in %s and in %s",
                    plx_alerting_section_token((enum plx_alerting_section)section), first,
                    sources[i].path);
            first = sources[i].path;
        }
    }
    return 0;
}

static size_t count_rules(const struct plx_alerting *a)
{
    return a->n_receivers + a->n_routes + a->n_windows;
}

/* All files as one. */
static void write_whole(const struct source *sources, size_t n, size_t n_monitors,
                        struct plx_buf *text)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || sources[i].file.has_monitors;
    if (any)
        plx_buf_text(text, n_monitors ? "monitors:\n" : "monitors: []\n");
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < sources[i].file.monitors.n; m++)
            plx_monitor_to_yaml(&sources[i].file.monitors.list[m], text);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < PLX_SECTION_COUNT_; k++)
            if (sources[i].file.alerting.text[k])
                plx_buf_printf(text, "%s\n", sources[i].file.alerting.text[k]);
}

static int merge(struct source *sources, size_t n, struct plx_files *ret,
                 struct plx_why *why)
{
    struct plx_buf text;
    size_t n_monitors = 0;
    for (size_t i = 0; i < n; i++)
        n_monitors += sources[i].file.monitors.n;
    int err = refuse_same_names(sources, n, n_monitors, why);
    if (err == 0)
        err = refuse_same_sections(sources, n, why);
    if (err < 0)
        return err;
    *ret = (struct plx_files){.n_files = n, .n_monitors = n_monitors};
    for (size_t i = 0; i < n; i++)
        ret->n_rules += count_rules(&sources[i].file.alerting.alerting);
    ret->name = plx_text_dup(n == 1 ? sources[0].path : "files");
    if (n == 1) {
        ret->text = sources[0].text;
        sources[0].text = NULL;
        return 0;
    }
    plx_buf_init(&text, PLX_DOC_BYTES_MAX);
    write_whole(sources, n, n_monitors, &text);
    bool overflow = text.overflow;
    ret->text = plx_buf_give(&text, NULL);
    return overflow ? plx_why_set(why, PLX_ETOOBIG, "the files are larger than 64 MiB")
                    : 0;
}

int plx_files_read(const struct plx_args *args, struct plx_files *ret,
                   struct plx_why *why)
{
    size_t n = count(args);
    if (n == 0)
        return plx_why_set(why, PLX_EINVAL, "which file? usage: parallax %s %s",
                           args->command->path, args->command->words);
    struct source *sources = calloc(n, sizeof *sources);
    if (!sources)
        abort();
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++)
        err = read_source(&sources[i], path_of(args, i), why);
    if (err == 0)
        err = merge(sources, n, ret, why);
    for (size_t i = 0; i < n; i++) {
        plx_apply_file_fini(&sources[i].file);
        free(sources[i].text);
    }
    free(sources);
    return err;
}

void plx_files_fini(struct plx_files *files)
{
    free(files->name);
    free(files->text);
    *files = (struct plx_files){0};
}
