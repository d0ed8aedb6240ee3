#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* "team=db monitor=web-*" of a match. */
static void match_text(const json_t *match, char *buf, size_t size)
{
    size_t len = 0;
    const char *key;
    json_t *values;
    buf[0] = '\0';
    json_object_foreach((json_t *)match, key, values)
    {
        for (size_t i = 0; i < json_array_size(values) && len < size; i++) {
            const char *value = json_string_value(json_array_get(values, i));
            int n = snprintf(buf + len, size - len, "%s%s=%s", len ? " " : "", key,
                             value ? value : "");
            len += n > 0 ? (size_t)n : 0;
        }
    }
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"id", "ID", true, 0},
        {"match", "MATCH", false, 48},
        {"monitors", "MONITORS", true, 0},
        {"until", "UNTIL", false, 0},
        {"author", "BY", false, 16},
        {"comment", "COMMENT", false, 0},
    };
    const json_t *list = json_object_get(answer, "silences");
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        char match[1024];
        match_text(json_object_get(s, "match"), match, sizeof match);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld", (long long)plx_field_int(s, "id"));
        plx_table_cell(table, PLX_STYLE_NONE, match);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(s, "monitors"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(s, "until"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(s, "author"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(s, "comment"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_silences_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "silences.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "silences", "no silences"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}

/* The words KEY=VALUE as an object of lists. */
static json_t *match_of(const struct plx_args *args, const char **ret_bad)
{
    json_t *match = json_object();
    for (size_t i = 0; i < args->n_words; i++) {
        const char *equals = strchr(args->words[i], '=');
        if (!equals || equals == args->words[i] || !equals[1]) {
            *ret_bad = args->words[i];
            json_decref(match);
            return NULL;
        }
        json_t *key = json_stringn(args->words[i], (size_t)(equals - args->words[i]));
        const char *name = json_string_value(key);
        json_t *values = name ? json_object_get(match, name) : NULL;
        if (name && !values) {
            values = json_array();
            json_object_set_new(match, name, values);
        }
        json_array_append_new(values, json_string(equals + 1));
        json_decref(key);
    }
    return match;
}

int plx_cmd_silences_add(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    const char *bad = "", *span = plx_args_value(&cli->args, "for", NULL);
    if (!span)
        return plx_complain(PLX_EXIT_USAGE, "for how long? --for 2h: silences end");
    json_t *match = match_of(&cli->args, &bad);
    if (!match)
        return plx_complain(PLX_EXIT_USAGE, "'%s' is no KEY=VALUE", bad);
    char *text = json_dumps(match, JSON_COMPACT);
    plx_question_init(&q);
    plx_json_key(&q.json, "match");
    plx_json_raw(&q.json, text ? text : "{}");
    plx_json_kstr(&q.json, "for", span);
    plx_json_kstr(&q.json, "comment", plx_args_value(&cli->args, "comment", ""));
    free(text);
    json_decref(match);
    int code = plx_ask(cli, "silences.add", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer)) {
        const json_t *s = json_object_get(answer, "silence");
        long long n = (long long)plx_field_int(s, "monitors");
        plx_say("silence %lld of %lld monitor%s until %s\n",
                (long long)plx_field_int(s, "id"), n, n == 1 ? "" : "s",
                plx_field(s, "until"));
        if (n == 0)
            plx_say("no monitor is like that: it silences nothing\n");
    }
    json_decref(answer);
    return code;
}

int plx_cmd_silences_rm(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int64_t id;
    if (plx_text_int(cli->args.words[0], 1, INT64_MAX, &id) < 0)
        return plx_complain(PLX_EXIT_USAGE, "'%s' is no silence's number",
                            cli->args.words[0]);
    plx_question_init(&q);
    plx_json_kint(&q.json, "id", id);
    int code = plx_ask(cli, "silences.remove", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("silence %lld is over\n", (long long)id);
    json_decref(answer);
    return code;
}

/* ---- maintenance ---- */

static void print_windows(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"name", "WINDOW", false, 32},     {"match", "MATCH", false, 48},
        {"monitors", "MONITORS", true, 0}, {"active", "ACTIVE", false, 0},
        {"next_from", "FROM", false, 0},   {"next_until", "UNTIL", false, 0},
        {"zone", "ZONE", false, 0},
    };
    const json_t *list = json_object_get(answer, "maintenance");
    struct plx_table *table = plx_table_new(cli, columns, 7);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *w = json_array_get(list, i), *window = json_object_get(w, "window");
        bool active = plx_field_bool(w, "active");
        char match[1024];
        match_text(json_object_get(window, "match"), match, sizeof match);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(window, "name"));
        plx_table_cell(table, PLX_STYLE_NONE, match);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(w, "monitors"));
        plx_table_cell(table, active ? PLX_STYLE_WARN : PLX_STYLE_DIM,
                       active ? "yes" : "no");
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(w, "next_from"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(w, "next_until"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(window, "zone"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_maintenance_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "maintenance.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(
            cli, answer, "maintenance",
            "no maintenance windows: the key maintenance of a file for apply"))
        print_windows(cli, answer);
    json_decref(answer);
    return code;
}
