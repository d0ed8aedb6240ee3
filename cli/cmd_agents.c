#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pairs.h"
#include "cli/render.h"

#include <string.h>

static enum plx_style state_style(const char *state)
{
    if (strcmp(state, "live") == 0)
        return PLX_STYLE_GOOD;
    return strcmp(state, "draining") == 0 || strcmp(state, "drained") == 0
               ? PLX_STYLE_WARN
               : PLX_STYLE_BAD;
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"name", "AGENT", false, 28},     {"region", "REGION", false, 20},
        {"state", "STATE", false, 0},     {"monitors", "MONITORS", true, 0},
        {"heard", "HEARD", true, 0},      {"lag_ms", "LAG", true, 0},
        {"spool_rows", "SPOOL", true, 0}, {"troubles", "TROUBLES", false, 0},
    };
    const json_t *list = json_object_get(answer, "agents");
    const char *now = plx_field(answer, "at");
    struct plx_table *table = plx_table_new(cli, columns, 8);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *a = json_array_get(list, i);
        char troubles[2048];
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(a, "name"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(a, "region"));
        plx_table_cell(table, state_style(plx_field(a, "state")), plx_field(a, "state"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(a, "monitors"));
        plx_table_age(table, plx_field(a, "heard"), now);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld%s",
                        (long long)plx_field_int(a, "lag_ms"),
                        cli->format == PLX_FORMAT_CSV ? "" : " ms");
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(a, "spool_rows"));
        plx_table_cell(table, PLX_STYLE_WARN,
                       plx_field_list(a, "troubles", troubles, sizeof troubles));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_agents_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "agents.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "agents",
                          "no agents yet: parallax agents token create --region REGION"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}

int plx_cmd_agents_show(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    struct plx_cli as_yaml = *cli;
    as_yaml.format = PLX_FORMAT_YAML;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    int code = plx_ask(cli, "agents.show", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_show_data(&as_yaml, answer);
    json_decref(answer);
    return code;
}

/* Ends `q`; says `done` about the agent. */
static int act(struct plx_cli *cli, const char *method, struct plx_question *q,
               const char *done)
{
    json_t *answer = NULL;
    int code = plx_ask(cli, method, q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("%s %s\n", cli->args.words[0], done);
    json_decref(answer);
    return code;
}

int plx_cmd_agents_revoke(struct plx_cli *cli)
{
    struct plx_question q;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    return act(cli, "agents.revoke", &q, "is revoked: its key is no longer accepted");
}

static int drain(struct plx_cli *cli, bool on, const char *done)
{
    struct plx_question q;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    plx_json_kbool(&q.json, "on", on);
    return act(cli, "agents.drain", &q, done);
}

int plx_cmd_agents_drain(struct plx_cli *cli)
{
    return drain(cli, true, "is drained: others take its monitors");
}

int plx_cmd_agents_undrain(struct plx_cli *cli)
{
    return drain(cli, false, "gets monitors again");
}

int plx_cmd_agents_label(struct plx_cli *cli)
{
    struct plx_question q;
    struct plx_why why;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    if (plx_pairs_write(&cli->args, "label", &q.json, "labels", &why) < 0) {
        plx_question_fini(&q);
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    }
    if (plx_args_has(&cli->args, "label") == plx_args_has(&cli->args, "none")) {
        plx_question_fini(&q);
        return plx_complain(PLX_EXIT_USAGE, "give --label KEY=VALUE, or --none");
    }
    return act(cli, "agents.label", &q, "has these labels now");
}

int plx_cmd_agents_rotate_key(struct plx_cli *cli)
{
    struct plx_question q;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    return act(cli, "agents.rotate_key", &q,
               "makes itself a new key; agents show names it when it is in use");
}
