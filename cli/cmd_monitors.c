#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

/* A preset's name, or how many steps. */
static void cell_greeting(struct plx_table *table, const json_t *greeting)
{
    size_t n = json_array_size(greeting);
    if (json_is_array(greeting))
        plx_table_cellf(table, PLX_STYLE_NONE, "%zu step%s", n, n == 1 ? "" : "s");
    else
        plx_table_cell(table, PLX_STYLE_NONE,
                       json_is_string(greeting) ? json_string_value(greeting) : "-");
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"name", "MONITOR", false, 32}, {"host", "HOST", false, 40},
        {"port", "PORT", true, 0},      {"check_interval", "EVERY", true, 0},
        {"expect", "EXPECT", false, 0}, {"greeting", "GREETING", false, 0},
        {"paused", "PAUSED", false, 0}, {"locations", "LOCATIONS", false, 0},
    };
    const json_t *list = json_object_get(answer, "monitors");
    struct plx_table *table = plx_table_new(cli, columns, 8);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        bool paused = plx_field_bool(m, "paused");
        char locations[4096];
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "name"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "host"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(m, "port"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "check_interval"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "expect"));
        cell_greeting(table, json_object_get(m, "greeting"));
        plx_table_cell(table, paused ? PLX_STYLE_WARN : PLX_STYLE_DIM,
                       paused ? "yes" : "no");
        plx_table_cell(table, PLX_STYLE_NONE,
                       plx_field_list(m, "locations", locations, sizeof locations));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_monitors_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "monitors.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "monitors",
                          "no monitors yet: parallax apply -f FILE"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}

int plx_cmd_monitors_show(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    struct plx_cli as_yaml = *cli;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    int code = plx_ask(cli, "monitors.show", &q, &answer);
    as_yaml.format = PLX_FORMAT_YAML;
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_show_data(&as_yaml, answer);
    json_decref(answer);
    return code;
}

/* Methods that take names and tell what they did to how many. */
static int act_on_names(struct plx_cli *cli, const char *method, const char *done)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_question_words(&q, &cli->args, "names");
    int code = plx_ask(cli, method, &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        for (size_t i = 0; i < cli->args.n_words; i++)
            plx_say("%s %s\n", done, cli->args.words[i]);
    json_decref(answer);
    return code;
}

int plx_cmd_monitors_rm(struct plx_cli *cli)
{
    return act_on_names(cli, "monitors.remove", "removed");
}

int plx_cmd_monitors_pause(struct plx_cli *cli)
{
    return act_on_names(cli, "monitors.pause", "paused");
}

int plx_cmd_monitors_resume(struct plx_cli *cli)
{
    return act_on_names(cli, "monitors.resume", "resumed");
}

/* As JSON: the list without what is not part of a monitors file. */
static int export_data(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "monitors.list", &q, &answer);
    if (code == PLX_EXIT_OK) {
        json_t *only =
            json_pack("{s:O}", "monitors", json_object_get(answer, "monitors"));
        plx_show_data(cli, only);
        json_decref(only);
    }
    json_decref(answer);
    return code;
}

int plx_cmd_monitors_export(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    if (cli->format == PLX_FORMAT_JSON)
        return export_data(cli);
    plx_question_init(&q);
    int code = plx_ask(cli, "monitors.export", &q, &answer);
    if (code == PLX_EXIT_OK)
        fputs(plx_field(answer, "yaml"), stdout);
    json_decref(answer);
    return code;
}
