#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"

#include <string.h>

/* A check under way: answers are shown as they come. */
struct watch {
    const struct plx_cli *cli;
    json_t *all; /* of --output json and yaml: collected */
    struct plx_table *csv;
    size_t n_open, n_failed, n_unknown;
};

static void count(struct watch *w, const json_t *answer)
{
    const char *outcome = plx_field(answer, "outcome");
    if (strcmp(outcome, "open") == 0)
        w->n_open++;
    else if (plx_outcome_style(outcome) == PLX_STYLE_BAD)
        w->n_failed++;
    else
        w->n_unknown++;
}

/* Columns of fixed width, because the rows yet to come are not known. */
static void print_line(const struct plx_cli *cli, const json_t *answer)
{
    const char *outcome = plx_field(answer, "outcome");
    const json_t *latency = json_object_get(answer, "latency_ms");
    enum plx_style style = plx_outcome_style(outcome);
    plx_say("%-16s %-20s ", plx_field(answer, "region"), plx_field(answer, "agent"));
    printf("%s", plx_style_on(cli, style));
    plx_say("%-12s", outcome);
    printf("%s", plx_style_off(cli, style));
    if (json_is_number(latency))
        plx_say(" %8.1f ms", json_number_value(latency));
    else
        plx_say(" %11s", "");
    plx_say("  %s", plx_field(answer, "address"));
    if (plx_field(answer, "icmp_from")[0])
        plx_say(" (said %s)", plx_field(answer, "icmp_from"));
    if (plx_field(answer, "detail")[0] && style != PLX_STYLE_GOOD)
        plx_say(" %s", plx_field(answer, "detail"));
    putchar('\n');
    fflush(stdout);
}

static void csv_line(struct plx_table *table, const json_t *answer)
{
    static const char *const texts[] = {"region", "agent", "outcome", "detail"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, texts[i]));
    if (json_is_number(json_object_get(answer, "latency_ms")))
        plx_table_cellf(table, PLX_STYLE_NONE, "%.3f",
                        plx_field_num(answer, "latency_ms"));
    else
        plx_table_cell(table, PLX_STYLE_NONE, "");
    plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, "address"));
}

static void on_answer(void *arg, json_t *answer, bool last)
{
    struct watch *w = arg;
    if (last)
        return;
    count(w, answer);
    if (w->csv)
        csv_line(w->csv, answer);
    else if (w->cli->format == PLX_FORMAT_TABLE)
        print_line(w->cli, answer);
    else
        json_array_append(w->all, answer);
}

static int fill_question(struct plx_question *q, const struct plx_args *args,
                         struct plx_why *why)
{
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    int64_t timeout_ns;
    const char *timeout = plx_args_value(args, "timeout", "5s"), *from;
    if (plx_text_host_port(args->words[0], host, &port) < 0)
        return plx_why_set(why, PLX_EINVAL, "'%s' is not HOST:PORT", args->words[0]);
    if (plx_duration_parse(timeout, &timeout_ns) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "--timeout must be a duration such as 5s: '%s'", timeout);
    plx_json_kstr(&q->json, "target", args->words[0]);
    plx_json_kstr(&q->json, "timeout", timeout);
    if (!plx_args_has(args, "from"))
        return 0;
    plx_json_key(&q->json, "from");
    plx_json_array(&q->json);
    for (size_t i = 0; (from = plx_args_nth(args, "from", i)) != NULL; i++)
        plx_json_str(&q->json, from);
    plx_json_end(&q->json);
    return 0;
}

static int finish(struct watch *w, json_t *summary)
{
    const struct plx_cli *cli = w->cli;
    if (w->all) {
        json_t *whole = json_pack("{s:O, s:O?}", "answers", w->all, "summary", summary);
        plx_show_data(cli, whole);
        json_decref(whole);
    } else if (w->csv) {
        plx_table_print(w->csv);
    } else {
        plx_say("%zu of %zu connect\n", w->n_open,
                w->n_open + w->n_failed + w->n_unknown);
    }
    if (w->n_failed > 0)
        return PLX_EXIT_NO;
    return w->n_open > 0 ? PLX_EXIT_OK : PLX_EXIT_INCONCLUSIVE;
}

int plx_cmd_check(struct plx_cli *cli)
{
    static const struct plx_column columns[] = {
        {"region", "", false, 0}, {"agent", "", false, 0},      {"outcome", "", false, 0},
        {"detail", "", false, 0}, {"latency_ms", "", false, 0}, {"address", "", false, 0},
    };
    struct watch w = {.cli = cli};
    struct plx_question q;
    struct plx_why why;
    json_t *summary = NULL;
    plx_question_init(&q);
    if (fill_question(&q, &cli->args, &why) < 0) {
        plx_question_fini(&q);
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    }
    if (cli->format == PLX_FORMAT_CSV)
        w.csv = plx_table_new(cli, columns, sizeof columns / sizeof *columns);
    else if (cli->format != PLX_FORMAT_TABLE)
        w.all = json_array();
    int code = plx_ask_stream(cli, "check", &q, on_answer, &w, &summary);
    if (code == PLX_EXIT_OK)
        code = finish(&w, summary);
    json_decref(summary);
    json_decref(w.all);
    plx_table_destroy(&w.csv);
    return code;
}
