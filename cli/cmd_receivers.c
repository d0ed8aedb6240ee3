#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"name", "RECEIVER", false, 28},     {"kind", "KIND", false, 0},
        {"delivered", "DELIVERED", true, 0}, {"waiting", "WAITING", true, 0},
        {"dead", "DEAD", true, 0},           {"why", "LAST TROUBLE", false, 0},
    };
    const json_t *list = json_object_get(answer, "receivers");
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *r = json_array_get(list, i);
        const json_t *receiver = json_object_get(r, "receiver");
        static const char *const counts[] = {"delivered", "waiting", "dead"};
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(receiver, "name"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(receiver, "kind"));
        for (size_t k = 0; k < 3; k++)
            plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                            (long long)plx_field_int(r, counts[k]));
        plx_table_cell(table, PLX_STYLE_BAD, plx_field(r, "why"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_dead(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "dead_letters");
    if (cli->format != PLX_FORMAT_TABLE || json_array_size(list) == 0)
        return;
    plx_say("\ndead letters, newest first\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *l = json_array_get(list, i);
        plx_say("  %s  %s of incident %lld to %s: %s\n", plx_field(l, "created"),
                plx_field(l, "event"), (long long)plx_field_int(l, "incident"),
                plx_field(l, "receiver"), plx_field(l, "why"));
    }
}

int plx_cmd_receivers_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "receivers.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "receivers",
                          "no receivers: the key receivers of a file for apply")) {
        print_list(cli, answer);
        print_dead(cli, answer);
    }
    json_decref(answer);
    return code;
}

int plx_cmd_receivers_test(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    int code = plx_ask(cli, "receivers.test", &q, &answer);
    bool delivered = code == PLX_EXIT_OK && plx_field_bool(answer, "delivered");
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("%s: %s: %s\n", cli->args.words[0], delivered ? "delivered" : "failed",
                plx_field(answer, "why"));
    json_decref(answer);
    return code == PLX_EXIT_OK && !delivered ? PLX_EXIT_NO : code;
}
