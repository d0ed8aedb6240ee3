#include "cli/client.h"
#include "cli/commands.h"
#include "cli/explain_past.h"
#include "cli/places.h"
#include "cli/render.h"
#include "cli/verdict.h"
#include "cli/view.h"

#include <math.h>
#include <string.h>

static void print_title(const struct plx_cli *cli, const char *title)
{
    printf("\n%s%s%s\n", plx_style_on(cli, PLX_STYLE_BOLD), title,
           plx_style_off(cli, PLX_STYLE_BOLD));
}

/* The fault's sentence only where the headline has not said it. */
static void print_fault(const json_t *fault, const char *said, const char *now)
{
    char agents[1024];
    plx_say("  %s: %s %s since ", plx_field(fault, "id"), plx_field(fault, "class"),
            plx_field(fault, "entity"));
    plx_view_moment(plx_field(fault, "since"), now);
    plx_say(", confidence %.0f %%, wins by %.1f nats%s\n",
            floor(100 * plx_field_num(fault, "confidence")),
            plx_field_num(fault, "margin"),
            plx_field_bool(fault, "by_quorum") ? ", by the monitor's own quorum" : "");
    if (strcmp(plx_field(fault, "sentence"), said) != 0)
        plx_say("    %s\n", plx_field(fault, "sentence"));
    plx_field_list(fault, "agents", agents, sizeof agents);
    if (agents[0])
        plx_say("    seen by %s\n", agents);
}

static void print_faults(const struct plx_cli *cli, const json_t *answer, const char *now)
{
    const json_t *list = json_object_get(answer, "covering_faults");
    if (json_array_size(list) == 0)
        return;
    print_title(cli, "What explains it");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_fault(json_array_get(list, i), plx_field(answer, "sentence"), now);
}

/* Those that do not watch it and whose views count. */
static void print_spares(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "spares");
    char text[PLX_LATENCY_TEXT_MAX];
    if (json_array_size(list) == 0)
        return;
    print_title(cli, "Spare agents that were asked");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        const json_t *latency = json_object_get(s, "latency_ms");
        plx_say("  %s", plx_field(s, "agent"));
        if (plx_field(s, "region")[0])
            plx_say(" (%s%s%s)", plx_field(s, "region"),
                    plx_field(s, "provider")[0] ? ", " : "", plx_field(s, "provider"));
        plx_say(": %s", plx_field(s, "outcome"));
        if (json_is_number(latency))
            plx_say(" in %s", plx_latency_text(json_number_value(latency), text));
        plx_say(", %.0f s ago: %s\n", plx_field_num(s, "age_s"),
                plx_field(s, "belief_text"));
    }
}

/* Where it broke, as far as traces can tell. */
static void print_places(const struct plx_cli *cli, const json_t *answer, const char *now)
{
    if (json_array_size(json_object_get(answer, "places")) == 0)
        return;
    print_title(cli, "Where it broke");
    plx_places_print(answer, now);
}

/* Locations whose path is degraded. */
static void print_poor(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "locations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *view = json_array_get(list, i);
        const json_t *loss = json_object_get(view, "loss");
        if (plx_field(view, "degraded")[0] == '\0')
            continue;
        plx_say("  from %s the path is degraded by %s: %.0f %% of SYNs get no answer "
                "(95 %% interval %.0f to %.0f %%)\n",
                plx_field(view, "agent"), plx_field(view, "degraded"),
                100 * plx_field_num(loss, "estimate"), 100 * plx_field_num(loss, "low"),
                100 * plx_field_num(loss, "high"));
    }
}

static void print_numbers(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *loss = json_object_get(answer, "loss");
    const json_t *latency = json_object_get(answer, "latency_ms");
    char text[PLX_LATENCY_TEXT_MAX];
    if (plx_field(answer, "runner_up")[0]) {
        print_title(cli, "The next best story");
        plx_say("  %s\n", plx_field(answer, "runner_up"));
    }
    print_title(cli, "Numbers");
    plx_say("  loss %.1f %% (95 %% interval %.1f to %.1f %%)",
            100 * plx_field_num(loss, "estimate"), 100 * plx_field_num(loss, "low"),
            100 * plx_field_num(loss, "high"));
    if (json_is_number(latency))
        plx_say(", median latency %s",
                plx_latency_text(json_number_value(latency), text));
    putchar('\n');
    print_poor(answer);
}

static void print_changes(const struct plx_cli *cli, const json_t *answer,
                          const char *now)
{
    const json_t *list = json_object_get(answer, "history");
    if (json_array_size(list) == 0)
        return;
    print_title(cli, "Recent changes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *change = json_array_get(list, i);
        plx_say("  ");
        plx_view_moment(plx_field(change, "at"), now);
        plx_say("  %s → %s: %s\n", plx_field(change, "was"), plx_field(change, "verdict"),
                plx_field(change, "sentence"));
    }
}

/* Only of a moment in the past. */
static void print_basis(const json_t *answer)
{
    const json_t *judged = json_object_get(answer, "judged");
    if (judged)
        plx_say("\nas of %s, judged anew from %lld results since %s\n",
                plx_field(answer, "at"), (long long)plx_field_int(judged, "results"),
                plx_field(judged, "since"));
}

static void print_people(const struct plx_cli *cli, const json_t *answer)
{
    const char *now = plx_field(answer, "at");
    const json_t *monitor = json_object_get(answer, "monitor");
    plx_view_headline(cli, answer, now);
    plx_view_locations(cli, answer);
    print_spares(cli, answer);
    print_faults(cli, answer, now);
    print_places(cli, answer, now);
    print_numbers(cli, answer);
    print_changes(cli, answer, now);
    if (plx_field(monitor, "runbook")[0]) {
        print_title(cli, "Runbook");
        plx_say("  %s\n", plx_field(monitor, "runbook"));
    }
    print_basis(answer);
}

int plx_cmd_explain(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "monitor", cli->args.words[0]);
    const char *at = plx_args_value(&cli->args, "at", NULL);
    int code = plx_ask(cli, "explain", &q, &answer);
    if (code == PLX_EXIT_OK && at)
        code = plx_explain_past(cli, at, answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        print_people(cli, answer);
    json_decref(answer);
    return code;
}
