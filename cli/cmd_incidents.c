#include "cli/client.h"
#include "cli/commands.h"
#include "cli/places.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

static enum plx_style severity_style(const char *severity)
{
    if (strcmp(severity, "critical") == 0)
        return PLX_STYLE_BAD;
    return strcmp(severity, "warning") == 0 ? PLX_STYLE_WARN : PLX_STYLE_UNSURE;
}

/* One word for where it stands. */
static const char *standing(const json_t *i)
{
    const char *state = plx_field(i, "state");
    if (strcmp(state, "open") != 0)
        return state;
    if (plx_field_int(i, "merged_into") > 0)
        return "merged";
    if (plx_field_bool(i, "flapping"))
        return "flapping";
    if (plx_field_bool(i, "dependent"))
        return "dependent";
    if (plx_field(i, "muted_by")[0])
        return "muted";
    if (plx_field(i, "acked")[0])
        return "acked";
    return plx_field(i, "announced")[0] ? "open" : "pending";
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"id", "ID", true, 0},
        {"severity", "SEVERITY", false, 0},
        {"state", "STATE", false, 0},
        {"opened", "OPENED", true, 0},
        {"affected", "MONITORS", true, 0},
        {"acked_by", "ACKED BY", false, 16},
        {"title", "WHAT", false, 0},
    };
    const json_t *list = json_object_get(answer, "incidents");
    struct plx_table *table = plx_table_new(cli, columns, 7);
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *i = json_array_get(list, k);
        const char *severity = plx_field(i, "severity");
        bool over = strcmp(plx_field(i, "state"), "closed") == 0;
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld", (long long)plx_field_int(i, "id"));
        plx_table_cell(table, over ? PLX_STYLE_DIM : severity_style(severity), severity);
        plx_table_cell(table, PLX_STYLE_NONE, standing(i));
        plx_table_age(table, plx_field(i, "opened"), plx_field(answer, "at"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(i, over ? "members" : "affected"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(i, "acked_by"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(i, "title"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_incidents_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    bool all = plx_args_has(&cli->args, "all"),
         closed = plx_args_has(&cli->args, "closed");
    plx_question_init(&q);
    plx_json_kstr(&q.json, "state", all ? "all" : closed ? "closed" : "open");
    int code = plx_ask(cli, "incidents.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "incidents", "no incidents"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}

/* ---- show ---- */

static void say_field(const char *title, const char *text)
{
    if (text[0])
        plx_say("%-12s %s\n", title, text);
}

static void print_members(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "monitors");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *left = plx_field(m, "left");
        plx_say("  %s  since %s%s%s\n", plx_field(m, "name"), plx_field(m, "joined"),
                left[0] ? " until " : "", left);
    }
}

static void print_timeline(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "timeline");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        const char *who = plx_field(e, "who");
        plx_say("  %s  %-12s %s%s%s\n", plx_field(e, "at"), plx_field(e, "what"), who,
                who[0] && plx_field(e, "text")[0] ? ": " : "", plx_field(e, "text"));
    }
}

static void print_notices(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "notices");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *n = json_array_get(list, i);
        plx_say("  %s  %-9s to %s: %s after %lld attempt%s%s%s\n",
                plx_field(n, "created"), plx_field(n, "event"), plx_field(n, "receiver"),
                plx_field(n, "state"), (long long)plx_field_int(n, "attempts"),
                plx_field_int(n, "attempts") == 1 ? "" : "s",
                plx_field(n, "why")[0] ? ", " : "", plx_field(n, "why"));
    }
}

static void print_whole(const json_t *answer)
{
    plx_say("incident %lld: %s\n", (long long)plx_field_int(answer, "id"),
            plx_field(answer, "title"));
    plx_say("%-12s %s (%s), %s\n", "severity", plx_field(answer, "severity"),
            plx_field(answer, "kind"), standing(answer));
    say_field("why", plx_field(answer, "sentence"));
    say_field("onset", plx_field(answer, "onset"));
    say_field("opened", plx_field(answer, "opened"));
    say_field("announced", plx_field(answer, "announced"));
    say_field("acknowledged", plx_field(answer, "acked"));
    say_field("by", plx_field(answer, "acked_by"));
    say_field("muted by", plx_field(answer, "muted_by"));
    say_field("closed", plx_field(answer, "closed"));
    plx_say("monitors (%lld affected)\n", (long long)plx_field_int(answer, "affected"));
    print_members(answer);
    plx_say("timeline\n");
    print_timeline(answer);
    plx_say("notices\n");
    print_notices(answer);
    if (json_array_size(json_object_get(answer, "places")) > 0) {
        plx_say("where it broke\n");
        plx_places_print(answer, NULL);
    }
}

/* The number that a command's first word is; complains if it is none. */
static int number_of(const struct plx_cli *cli, int64_t *ret)
{
    if (plx_text_int(cli->args.words[0], 1, INT64_MAX, ret) == 0)
        return PLX_EXIT_OK;
    return plx_complain(PLX_EXIT_USAGE, "'%s' is no incident's number",
                        cli->args.words[0]);
}

int plx_cmd_incidents_show(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int64_t id;
    int code = number_of(cli, &id);
    if (code != PLX_EXIT_OK)
        return code;
    plx_question_init(&q);
    plx_json_kint(&q.json, "id", id);
    code = plx_ask(cli, "incidents.show", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        print_whole(answer);
    json_decref(answer);
    return code;
}

/* ---- ack, note ---- */

static int act(struct plx_cli *cli, const char *method, const char *text,
               const char *done)
{
    struct plx_question q;
    json_t *answer = NULL;
    int64_t id;
    int code = number_of(cli, &id);
    if (code != PLX_EXIT_OK)
        return code;
    plx_question_init(&q);
    plx_json_kint(&q.json, "id", id);
    plx_json_kstr(&q.json, "text", text);
    code = plx_ask(cli, method, &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("incident %lld %s\n", (long long)id, done);
    json_decref(answer);
    return code;
}

int plx_cmd_incidents_ack(struct plx_cli *cli)
{
    const char *text = cli->args.n_words > 1 ? cli->args.words[1] : "";
    return act(cli, "incidents.ack", text, "acknowledged");
}

int plx_cmd_incidents_note(struct plx_cli *cli)
{
    return act(cli, "incidents.note", cli->args.words[1], "noted");
}
