/* monitors add: the options written as the YAML of one monitor. */
#include "cli/changes.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pairs.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/monitors.h"
#include "schema/value.h"

#include <stdlib.h>
#include <string.h>

static void add_line(struct plx_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    plx_buf_printf(out, "  %s: ", key);
    plx_yaml_scalar(out, value);
    plx_buf_char(out, '\n');
}

/* "a,b" as [a, b]. */
static void add_locations(struct plx_buf *out, const char *list)
{
    plx_buf_text(out, "  locations: [");
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        char *one = strndup(at, n);
        if (!one)
            abort();
        plx_buf_text(out, at == list ? "" : ", ");
        plx_yaml_scalar(out, one);
        free(one);
        at += n + (at[n] == ',');
    }
    plx_buf_text(out, "]\n");
}

/* All values of --label or --set, each on a line of its own. A label's value is text, the
 * value of --set is YAML. */
static int add_pairs(const struct plx_args *args, const char *option, const char *indent,
                     bool is_text, struct plx_buf *out, struct plx_why *why)
{
    const char *given, *value;
    for (size_t i = 0; (given = plx_args_nth(args, option, i)) != NULL; i++) {
        char *key;
        int err = plx_pair_split(given, option, &key, &value, why);
        if (err < 0)
            return err;
        plx_buf_text(out, indent);
        plx_yaml_scalar(out, key);
        plx_buf_text(out, ": ");
        if (is_text)
            plx_yaml_scalar(out, value);
        else
            plx_buf_text(out, value);
        plx_buf_char(out, '\n');
        free(key);
    }
    return 0;
}

static int write_monitor(const struct plx_args *args, struct plx_buf *out,
                         struct plx_why *why)
{
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    const char *locations = plx_args_value(args, "locations", NULL);
    if (plx_text_host_port(args->words[0], host, &port) < 0)
        return plx_why_set(why, PLX_EINVAL, "'%s' is not HOST:PORT", args->words[0]);
    if (!locations)
        return plx_why_set(why, PLX_EINVAL,
                           "where from? --locations all, or --locations us-east,eu-west");
    plx_buf_text(out, "- host: ");
    plx_yaml_scalar(out, host);
    plx_buf_printf(out, "\n  port: %u\n", port);
    add_locations(out, locations);
    add_line(out, "name", plx_args_value(args, "name", NULL));
    add_line(out, "check_interval", plx_args_value(args, "interval", NULL));
    add_line(out, "timeout", plx_args_value(args, "timeout", NULL));
    add_line(out, "expect", plx_args_value(args, "expect", NULL));
    if (plx_args_has(args, "label"))
        plx_buf_text(out, "  labels:\n");
    int err = add_pairs(args, "label", "    ", true, out, why);
    return err < 0 ? err : add_pairs(args, "set", "  ", false, out, why);
}

/* Checks the text here; the place of an error in it means nothing to the user. */
static int check_monitor(const struct plx_buf *text, char **ret_name, struct plx_why *why)
{
    struct plx_monitors monitors;
    int err = plx_monitors_parse("", plx_buf_str(text), text->len, &monitors, why);
    if (err < 0) {
        const char *sentence = strstr(why->text, ": ");
        struct plx_why inner = *why;
        if (sentence)
            plx_why_set(why, err, "%s", inner.text + (sentence + 2 - why->text));
        return err;
    }
    if (monitors.n != 1)
        err = plx_why_set(why, PLX_EINVAL, "--set must not add monitors");
    else
        *ret_name = plx_text_dup(monitors.list[0].name);
    plx_monitors_fini(&monitors);
    return err;
}

/* An apply would change a monitor of that name; add must not. */
static int refuse_existing(struct plx_cli *cli, const char *name)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "monitors.list", &q, &answer);
    const json_t *list = json_object_get(answer, "monitors");
    for (size_t i = 0; i < json_array_size(list) && code == PLX_EXIT_OK; i++)
        if (strcmp(plx_field(json_array_get(list, i), "name"), name) == 0)
            code = plx_complain(PLX_EXIT_USAGE,
                                "there is a monitor named '%s' already; give another "
                                "--name, or change it with apply",
                                name);
    json_decref(answer);
    return code;
}

int plx_cmd_monitors_add(struct plx_cli *cli)
{
    struct plx_buf text;
    struct plx_why why;
    char *name = NULL;
    plx_buf_init(&text, 1024 * 1024);
    int err = write_monitor(&cli->args, &text, &why);
    if (err == 0)
        err = check_monitor(&text, &name, &why);
    int code = err < 0 ? plx_complain(PLX_EXIT_USAGE, "%s", why.text)
                       : refuse_existing(cli, name);
    if (code == PLX_EXIT_OK)
        code = plx_changes_apply(cli, "command line", plx_buf_str(&text));
    free(name);
    plx_buf_fini(&text);
    return code;
}
