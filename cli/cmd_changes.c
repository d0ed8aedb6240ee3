#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#define LIMIT_MAX 1000 /* the coordinator gives no more at once */

/* "interval: 1m → 30s, greeting: changed"; where a side is missing: "role: viewer",
 * "role: viewer → none". */
static void describe(const json_t *change, struct plx_buf *text)
{
    const json_t *fields = json_object_get(change, "fields");
    if (json_array_size(fields) == 0)
        plx_buf_text(text, plx_field(change, "detail"));
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *f = json_array_get(fields, i);
        const char *was = json_string_value(json_object_get(f, "was"));
        const char *now = json_string_value(json_object_get(f, "now"));
        plx_buf_printf(text, "%s%s: ", i > 0 ? ", " : "", plx_field(f, "key"));
        if (!was)
            plx_buf_text(text, now ? now : "changed");
        else
            plx_buf_printf(text, "%s → %s", was, now ? now : "none");
    }
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"at", "AT", false, 0},         {"who", "WHO", false, 24},
        {"what", "WHAT", false, 0},     {"object", "OBJECT", false, 40},
        {"change", "CHANGE", false, 0},
    };
    const json_t *list = json_object_get(answer, "changes");
    struct plx_table *table = plx_table_new(cli, columns, 5);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *change = json_array_get(list, i);
        struct plx_buf text;
        plx_buf_init(&text, SIZE_MAX / 2);
        describe(change, &text);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "at"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "who"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "what"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "object"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_buf_str(&text));
        plx_buf_fini(&text);
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

/* One row a changed key; a change without any is a row. */
static void print_csv(const struct plx_cli *cli, const json_t *answer)
{
    static const char *const keys[] = {"at", "who", "kind", "what", "object", "detail"};
    static const struct plx_column columns[] = {
        {"id", "", false, 0},     {"at", "", false, 0},   {"who", "", false, 0},
        {"kind", "", false, 0},   {"what", "", false, 0}, {"object", "", false, 0},
        {"detail", "", false, 0}, {"key", "", false, 0},  {"was", "", false, 0},
        {"now", "", false, 0},
    };
    const json_t *list = json_object_get(answer, "changes");
    struct plx_table *table = plx_table_new(cli, columns, 10);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *change = json_array_get(list, i);
        const json_t *fields = json_object_get(change, "fields");
        size_t n = json_array_size(fields);
        for (size_t k = 0; k < (n ? n : 1); k++) {
            const json_t *f = json_array_get(fields, k);
            plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                            (long long)plx_field_int(change, "id"));
            for (size_t c = 0; c < sizeof keys / sizeof *keys; c++)
                plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, keys[c]));
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(f, "key"));
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(f, "was"));
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(f, "now"));
        }
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_answer(const struct plx_cli *cli, const json_t *answer)
{
    int64_t next = plx_field_int(answer, "next");
    if (cli->format == PLX_FORMAT_CSV)
        print_csv(cli, answer);
    else
        print_list(cli, answer);
    if (next > 0)
        plx_remark("there are older ones: --after %lld\n", (long long)next);
}

static int fill_question(struct plx_question *q, const struct plx_args *args,
                         struct plx_why *why)
{
    static const char *const texts[] = {"kind", "object"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = plx_args_value(args, texts[i], NULL);
        if (text)
            plx_json_kstr(&q->json, texts[i], text);
    }
    plx_question_moment(q, args, "since", NULL);
    int err = plx_question_number(q, args, "limit", LIMIT_MAX, why);
    return err ? err : plx_question_number(q, args, "after", INT64_MAX, why);
}

int plx_cmd_changes(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int code = plx_question_fill(&q, &cli->args, fill_question);
    if (code != PLX_EXIT_OK)
        return code;
    code = plx_ask(cli, "changes", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "changes", "no such changes"))
        print_answer(cli, answer);
    json_decref(answer);
    return code;
}
