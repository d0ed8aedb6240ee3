#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"

#include <string.h>

/* Columns of fixed width, because the rows yet to come are not known. */
static void print_line(const struct plx_cli *cli, const json_t *answer)
{
    const char *outcome = plx_field(answer, "outcome");
    const json_t *latency = json_object_get(answer, "latency_ms");
    const json_t *ok = json_object_get(answer, "ok");
    enum plx_style style = json_is_true(ok)    ? PLX_STYLE_GOOD
                           : json_is_false(ok) ? PLX_STYLE_BAD
                                               : plx_outcome_style(outcome);
    char text[PLX_LATENCY_TEXT_MAX];
    plx_say("%-16s %-20s ", plx_field(answer, "region"), plx_field(answer, "agent"));
    printf("%s", plx_style_on(cli, style));
    plx_say("%-12s", outcome);
    printf("%s", plx_style_off(cli, style));
    if (json_is_number(latency))
        plx_say(" %11s", plx_latency_text(json_number_value(latency), text));
    else
        plx_say(" %11s", "");
    plx_say("  %s", plx_field(answer, "address"));
    if (plx_field(answer, "icmp_from")[0])
        plx_say(" (said %s)", plx_field(answer, "icmp_from"));
    if (plx_field(answer, "detail")[0] && style != PLX_STYLE_GOOD)
        plx_say(" %s", plx_field(answer, "detail"));
    if (plx_field(answer, "excerpt")[0])
        plx_say(" said \"%s\"", plx_field(answer, "excerpt"));
    putchar('\n');
    fflush(stdout);
}

/* Shown as they come; the last answer sums up. */
static void on_answer(void *arg, json_t *answer, bool last)
{
    const struct plx_cli *cli = arg;
    if (!last && cli->format == PLX_FORMAT_TABLE && !plx_args_has(&cli->args, "burst"))
        print_line(cli, answer);
}

static void print_csv(const struct plx_cli *cli, const json_t *list)
{
    static const struct plx_column columns[] = {
        {"region", "", false, 0}, {"agent", "", false, 0},      {"outcome", "", false, 0},
        {"detail", "", false, 0}, {"latency_ms", "", false, 0}, {"address", "", false, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *answer = json_array_get(list, i);
        for (size_t k = 0; k < 4; k++)
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, columns[k].key));
        if (json_is_number(json_object_get(answer, "latency_ms")))
            plx_table_cellf(table, PLX_STYLE_NONE, "%.3f",
                            plx_field_num(answer, "latency_ms"));
        else
            plx_table_cell(table, PLX_STYLE_NONE, "");
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, "address"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
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
    if (plx_args_has(args, "burst"))
        plx_json_kbool(&q->json, "burst", true);
    if (plx_args_has(args, "greeting"))
        plx_json_kstr(&q->json, "greeting", plx_args_value(args, "greeting", ""));
    if (plx_args_has(args, "expect"))
        plx_json_kstr(&q->json, "expect", plx_args_value(args, "expect", ""));
    if (!plx_args_has(args, "from"))
        return 0;
    plx_json_key(&q->json, "from");
    plx_json_array(&q->json);
    for (size_t i = 0; (from = plx_args_nth(args, "from", i)) != NULL; i++)
        plx_json_str(&q->json, from);
    plx_json_end(&q->json);
    return 0;
}

/* Answers that are as expected, or that are not. Agents that could not probe, or did not
 * answer, prove nothing. */
static size_t count(const json_t *answer, bool ok)
{
    const json_t *list = json_object_get(answer, "answers");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_object_get(json_array_get(list, i), "ok");
        n += ok ? json_is_true(value) : json_is_false(value);
    }
    return n;
}

/* Each agent's attempts, summed up. */
static void print_bursts(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "bursts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        long long n = (long long)plx_field_int(one, "attempts");
        long long ok = (long long)plx_field_int(one, "ok");
        enum plx_style style = ok == n  ? PLX_STYLE_GOOD
                               : ok > 0 ? PLX_STYLE_WARN
                                        : PLX_STYLE_BAD;
        plx_say("%-16s %-20s ", plx_field(one, "region"), plx_field(one, "agent"));
        printf("%s", plx_style_on(cli, style));
        plx_say("%lld of %lld", ok, n);
        printf("%s\n", plx_style_off(cli, style));
    }
}

static void print_end(const json_t *answer, const char *expected)
{
    char missing[2048];
    bool open = strcmp(expected, "open") == 0;
    bool burst = json_array_size(json_object_get(answer, "bursts")) > 0;
    size_t n = burst ? json_array_size(json_object_get(answer, "answers"))
                     : (size_t)plx_field_int(answer, "asked");
    plx_say("%zu of %zu %s%s\n", count(answer, true), n, open ? "connect" : "see it ",
            open ? "" : expected);
    plx_field_list(answer, "missing", missing, sizeof missing);
    if (missing[0])
        plx_say("no answer from %s\n", missing);
}

int plx_cmd_check(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int code = plx_question_fill(&q, &cli->args, fill_question);
    if (code != PLX_EXIT_OK)
        return code;
    code = plx_ask_stream(cli, "check", &q, on_answer, cli, &answer);
    if (code == PLX_EXIT_OK) {
        if (cli->format == PLX_FORMAT_CSV)
            print_csv(cli, json_object_get(answer, "answers"));
        else if (!plx_show_data(cli, answer)) {
            print_bursts(cli, answer);
            print_end(answer, plx_args_value(&cli->args, "expect", "open"));
        }
        if (count(answer, false) > 0)
            code = PLX_EXIT_NO;
        else
            code = count(answer, true) > 0 ? PLX_EXIT_OK : PLX_EXIT_INCONCLUSIVE;
    }
    json_decref(answer);
    return code;
}
