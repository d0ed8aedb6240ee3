#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

static enum plx_style live_style(const json_t *location)
{
    if (plx_field_int(location, "live") == plx_field_int(location, "agents") &&
        plx_field_int(location, "live") > 0)
        return PLX_STYLE_GOOD;
    return plx_field_int(location, "live") > 0 ? PLX_STYLE_WARN : PLX_STYLE_BAD;
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"location", "LOCATION", false, 40},
        {"agents", "AGENTS", true, 0},
        {"live", "LIVE", true, 0},
        {"monitors", "MONITORS", true, 0},
    };
    const json_t *list = json_object_get(answer, "locations");
    struct plx_table *table = plx_table_new(cli, columns, 4);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *l = json_array_get(list, i);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(l, "location"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(l, "agents"));
        plx_table_cellf(table, live_style(l), "%lld",
                        (long long)plx_field_int(l, "live"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(l, "monitors"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_locations_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "locations.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "locations",
                          "no agents yet: parallax agents token create --region REGION"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}
