#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/import.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/monitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tool {
    const char *name;
    plx_import_fn *read;
    void (*finish)(struct plx_import *im);
} tools[] = {
    {"gatus", plx_import_gatus, NULL},
    {"uptime-kuma", plx_import_kuma, NULL},
    {"blackbox", plx_import_blackbox, plx_import_rules_apply},
    {"cloudprober", plx_import_cloudprober, NULL},
};

static const struct tool *find_tool(const char *name)
{
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

/* Cuts the list in place. */
static void split_locations(struct plx_import *im, char *list)
{
    char *rest = list, *one;
    im->locations = calloc(strlen(list) + 1, sizeof *im->locations);
    if (!im->locations)
        abort();
    while ((one = strsep(&rest, ",")))
        if (*one)
            im->locations[im->n_locations++] = one;
}

static void print_yaml(const struct plx_import *im)
{
    struct plx_buf out;
    plx_buf_init(&out, PLX_DOC_BYTES_MAX);
    plx_buf_text(&out, im->n ? "monitors:\n" : "monitors: []\n");
    for (size_t i = 0; i < im->n; i++)
        plx_monitor_to_yaml(&im->list[i], &out);
    fputs(plx_buf_str(&out), stdout);
    plx_buf_fini(&out);
}

static void print_json(const struct plx_import *im)
{
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, PLX_DOC_BYTES_MAX);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    plx_json_key(&j, "monitors");
    plx_json_array(&j);
    for (size_t i = 0; i < im->n; i++)
        plx_monitor_to_json(&im->list[i], &j);
    plx_json_end(&j);
    plx_json_key(&j, "report");
    plx_json_array(&j);
    for (size_t i = 0; i < im->n_findings; i++) {
        const struct plx_finding *f = &im->findings[i];
        plx_json_object(&j);
        plx_json_kstr(&j, "kind", plx_finding_token(f->kind));
        plx_json_kstr(&j, "file", f->file);
        plx_json_kstr(&j, "entry", *f->entry ? f->entry : NULL);
        plx_json_kstr(&j, "text", f->text);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_end(&j);
    puts(plx_buf_str(&out));
    plx_buf_fini(&out);
}

/* For people, on standard error: the monitors go to a file. */
static void print_report(const struct plx_import *im, size_t n_left_out)
{
    static const char *const words[] = {"left out", "changed", "ignored"};
    for (size_t i = 0; i < im->n_findings; i++) {
        const struct plx_finding *f = &im->findings[i];
        char *line;
        if (asprintf(&line, "%s: %s: %s%s%s", f->file, words[f->kind], f->entry,
                     *f->entry ? ": " : "", f->text) < 0)
            abort();
        plx_text_tame(line);
        fprintf(stderr, "%s\n", line);
        free(line);
    }
    fprintf(stderr, "%zu monitor%s, %zu left out\n", im->n, im->n == 1 ? "" : "s",
            n_left_out);
}

static int show(const struct plx_cli *cli, const struct plx_import *im)
{
    size_t n_left_out = 0;
    for (size_t i = 0; i < im->n_findings; i++)
        n_left_out += im->findings[i].kind == PLX_FINDING_LEFT_OUT;
    if (cli->format == PLX_FORMAT_JSON) {
        print_json(im);
    } else {
        print_yaml(im);
        print_report(im, n_left_out);
    }
    return n_left_out ? PLX_EXIT_NO : PLX_EXIT_OK;
}

int plx_cmd_import(struct plx_cli *cli)
{
    const struct tool *tool = find_tool(cli->args.words[0]);
    struct plx_import im = {0};
    struct plx_why why = {""};
    int err = 0;
    if (!tool)
        return plx_complain(PLX_EXIT_USAGE,
                            "'%s' is no tool that can be imported from: gatus, "
                            "uptime-kuma, blackbox, cloudprober",
                            cli->args.words[0]);
    char *locations = plx_text_dup(plx_args_value(&cli->args, "locations", "all"));
    split_locations(&im, locations);
    for (size_t i = 1; err == 0 && i < cli->args.n_words; i++) {
        im.file = cli->args.words[i];
        err = tool->read(&im, im.file, &why);
    }
    if (err == 0 && tool->finish)
        tool->finish(&im);
    int code = err < 0 ? plx_complain(PLX_EXIT_USAGE, "%s", why.text) : show(cli, &im);
    free(im.locations);
    free(locations);
    plx_import_fini(&im);
    return code;
}
