#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

static void print_history(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"at", "AT", false, 0},           {"was", "WAS", false, 0},
        {"verdict", "VERDICT", false, 0}, {"coverage", "SEEN", true, 0},
        {"sentence", "WHY", false, 0},
    };
    const json_t *list = json_object_get(answer, "history");
    struct plx_table *table = plx_table_new(cli, columns, 5);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *h = json_array_get(list, i);
        const json_t *coverage = json_object_get(h, "coverage");
        const char *verdict = plx_field(h, "verdict");
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(h, "at"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(h, "was"));
        plx_table_cell(table, plx_verdict_look(verdict)->style, verdict);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld/%lld",
                        (long long)plx_field_int(coverage, "fresh"),
                        (long long)plx_field_int(coverage, "assigned"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(h, "sentence"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_history(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "monitor", cli->args.words[0]);
    plx_question_moment(&q, &cli->args, "since", "24h");
    int code = plx_ask(cli, "history", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "history",
                          "its verdict has not changed in that time"))
        print_history(cli, answer);
    json_decref(answer);
    return code;
}
