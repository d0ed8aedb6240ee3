#include "cli/changes.h"

#include "cli/client.h"
#include "cli/render.h"

#include <string.h>

static const char *name_of(const json_t *item)
{
    return json_is_string(item) ? json_string_value(item) : plx_field(item, "name");
}

/* How many of a list are shown: all, but on a terminal nobody reads thousands. */
#define SHOWN_MAX 200

static size_t n_shown(const struct plx_cli *cli, const json_t *list)
{
    size_t n = json_array_size(list);
    return cli->terminal && n > SHOWN_MAX ? SHOWN_MAX : n;
}

static void print_rest(const struct plx_cli *cli, const json_t *list, char sign)
{
    if (n_shown(cli, list) < json_array_size(list))
        plx_say("%c … and %zu more\n", sign, json_array_size(list) - n_shown(cli, list));
}

static void print_names(const struct plx_cli *cli, const json_t *list, char sign,
                        enum plx_style style)
{
    for (size_t i = 0; i < n_shown(cli, list); i++) {
        printf("%s", plx_style_on(cli, style));
        plx_say("%c %s", sign, name_of(json_array_get(list, i)));
        printf("%s\n", plx_style_off(cli, style));
    }
    print_rest(cli, list, sign);
}

static void print_changed(const struct plx_cli *cli, const json_t *list)
{
    for (size_t i = 0; i < n_shown(cli, list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *changes = json_object_get(item, "changes");
        printf("%s", plx_style_on(cli, PLX_STYLE_WARN));
        plx_say("~ %s", name_of(item));
        printf("%s\n", plx_style_off(cli, PLX_STYLE_WARN));
        for (size_t k = 0; k < json_array_size(changes); k++) {
            const json_t *change = json_array_get(changes, k);
            plx_say("    %s: %s → %s\n", plx_field(change, "key"),
                    plx_field(change, "was"), plx_field(change, "now"));
        }
    }
    print_rest(cli, list, '~');
}

static size_t count(const json_t *answer, const char *key)
{
    return json_array_size(json_object_get(answer, key));
}

bool plx_changes_any(const json_t *answer)
{
    return count(answer, "added") + count(answer, "changed") + count(answer, "removed") >
           0;
}

/* "ops, boss (after 15m, if nobody acknowledges)". */
static void print_page(const json_t *page)
{
    const json_t *list = json_object_get(page, "pages");
    plx_say("  %s: ", plx_field(page, "monitor"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        bool escalation = plx_field_bool(p, "escalation");
        const char *after = plx_field(p, "after");
        bool later = strcmp(after, "0s") != 0 && strcmp(after, "0") != 0;
        plx_say("%s%s", i ? ", " : "", plx_field(p, "receiver"));
        if (later)
            plx_say(" (after %s%s)", after, escalation ? ", if nobody acknowledges" : "");
    }
    plx_say("%s\n", json_array_size(list) > 0 ? "" : "nobody");
}

static void print_pages(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "would_page");
    if (json_array_size(list) == 0)
        return;
    plx_say("whom a failure would page:\n");
    for (size_t i = 0; i < n_shown(cli, list); i++)
        print_page(json_array_get(list, i));
    print_rest(cli, list, ' ');
}

static void print_sections(const json_t *answer, bool dry_run)
{
    const json_t *list = json_object_get(answer, "sections");
    for (size_t i = 0; i < json_array_size(list); i++)
        plx_say("%s: %s\n", json_string_value(json_array_get(list, i)),
                dry_run ? "good" : "applied");
}

static void print_totals(const json_t *answer, bool dry_run)
{
    if (!plx_changes_any(answer)) {
        plx_say("nothing to change: %lld monitors are as the files say\n",
                (long long)plx_field_int(answer, "unchanged"));
        return;
    }
    plx_say("%s%zu added, %zu changed, %zu removed, %lld unchanged%s\n",
            dry_run ? "would be: " : "", count(answer, "added"), count(answer, "changed"),
            count(answer, "removed"), (long long)plx_field_int(answer, "unchanged"),
            dry_run ? "; nothing was changed" : "");
}

/* One row a changed key; added and removed monitors are rows without one. */
static void print_csv(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"change", "", false, 0}, {"name", "", false, 0}, {"key", "", false, 0},
        {"was", "", false, 0},    {"now", "", false, 0},
    };
    static const char *const lists[] = {"added", "changed", "removed"};
    struct plx_table *table = plx_table_new(cli, columns, 5);
    for (size_t l = 0; l < 3; l++) {
        const json_t *list = json_object_get(answer, lists[l]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *item = json_array_get(list, i);
            const json_t *changes = json_object_get(item, "changes");
            size_t n = json_array_size(changes);
            for (size_t k = 0; k < (n ? n : 1); k++) {
                const json_t *change = json_array_get(changes, k);
                plx_table_cell(table, PLX_STYLE_NONE, lists[l]);
                plx_table_cell(table, PLX_STYLE_NONE, name_of(item));
                plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "key"));
                plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "was"));
                plx_table_cell(table, PLX_STYLE_NONE, plx_field(change, "now"));
            }
        }
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

void plx_changes_print(const struct plx_cli *cli, const json_t *answer, bool dry_run)
{
    if (plx_show_data(cli, answer))
        return;
    if (cli->format == PLX_FORMAT_CSV) {
        print_csv(cli, answer);
        return;
    }
    print_names(cli, json_object_get(answer, "added"), '+', PLX_STYLE_GOOD);
    print_changed(cli, json_object_get(answer, "changed"));
    print_names(cli, json_object_get(answer, "removed"), '-', PLX_STYLE_BAD);
    print_sections(answer, dry_run);
    print_pages(cli, answer);
    print_totals(answer, dry_run);
}

int plx_changes_apply(struct plx_cli *cli, const char *file, const char *text)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "file", file);
    plx_json_kstr(&q.json, "text", text);
    int code = plx_ask(cli, "apply", &q, &answer);
    if (code == PLX_EXIT_OK)
        plx_changes_print(cli, answer, false);
    json_decref(answer);
    return code;
}
