#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

static void print_provider(struct plx_table *table, const json_t *provider)
{
    const char *name = plx_field(provider, "provider");
    long long agents = plx_field_int(provider, "agents");
    long long live = plx_field_int(provider, "live");
    plx_table_cell(table, *name ? PLX_STYLE_NONE : PLX_STYLE_DIM,
                   *name ? name : "(no label)");
    plx_table_cellf(table, PLX_STYLE_NONE, "%lld", agents);
    plx_table_cellf(table,
                    live == agents ? PLX_STYLE_GOOD
                    : live > 0     ? PLX_STYLE_WARN
                                   : PLX_STYLE_BAD,
                    "%lld", live);
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"provider", "PROVIDER", false, 40},
        {"agents", "AGENTS", true, 0},
        {"live", "LIVE", true, 0},
    };
    const json_t *list = json_object_get(answer, "providers");
    struct plx_table *table = plx_table_new(cli, columns, 3);
    for (size_t i = 0; i < json_array_size(list); i++)
        print_provider(table, json_array_get(list, i));
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_providers_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "providers.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "providers",
                          "no agents yet: parallax agents token create --region REGION "
                          "--label provider=NAME"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}
