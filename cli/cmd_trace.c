#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"
#include "base/trace.h"

#include <stdio.h>
#include <string.h>

/* ---- for people ---- */

/* One hop of all flows: each answer once, with its round trip. */
static void print_hops(const json_t *flows, size_t i)
{
    const char *said[PLX_TRACE_FLOWS_MAX];
    size_t n = 0;
    plx_say("  %3zu  ", i + 1);
    for (size_t f = 0; f < json_array_size(flows) && n < PLX_TRACE_FLOWS_MAX; f++) {
        const json_t *hop =
            json_array_get(json_object_get(json_array_get(flows, f), "hops"), i);
        const char *from = plx_field(hop, "from");
        char latency[PLX_LATENCY_TEXT_MAX];
        bool known = !*from;
        for (size_t k = 0; k < n && !known; k++)
            known = strcmp(said[k], from) == 0;
        if (known)
            continue;
        said[n++] = from;
        plx_say("%s%s %s", n > 1 ? ", " : "", from,
                plx_latency_text(plx_field_num(hop, "rtt_ms"), latency));
        if (strcmp(plx_field(hop, "kind"), "transit") != 0)
            plx_say(" %s", plx_field(hop, "kind"));
    }
    plx_say(n == 0 ? "*\n" : "\n");
}

static size_t count_ends(const json_t *flows, const char *kind)
{
    size_t n = 0;
    for (size_t f = 0; f < json_array_size(flows); f++) {
        const json_t *end = json_object_get(json_array_get(flows, f), "end");
        n += strcmp(plx_field(end, "kind"), kind) == 0;
    }
    return n;
}

static void print_ends(const json_t *flows)
{
    static const char *const kinds[] = {"open", "refused", "reject", "silent"};
    const char *gap = "";
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t n = count_ends(flows, kinds[k]);
        if (n > 0)
            plx_say("%s%zu of %zu flows %s", gap, n, json_array_size(flows), kinds[k]);
        if (n > 0)
            gap = ", ";
    }
}

static void print_trace(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *flows = json_object_get(answer, "flows");
    size_t longest = 0;
    printf("%s", plx_style_on(cli, PLX_STYLE_BOLD));
    plx_say("%s (%s) to %s", plx_field(answer, "agent"), plx_field(answer, "region"),
            plx_field(answer, "target"));
    printf("%s: ", plx_style_off(cli, PLX_STYLE_BOLD));
    if (plx_field(answer, "trouble")[0])
        plx_say("%s", plx_field(answer, "trouble"));
    else
        print_ends(flows);
    putchar('\n');
    for (size_t f = 0; f < json_array_size(flows); f++) {
        size_t n = json_array_size(json_object_get(json_array_get(flows, f), "hops"));
        longest = n > longest ? n : longest;
    }
    for (size_t i = 0; i < longest; i++)
        print_hops(flows, i);
    fflush(stdout);
}

/* Shown as they come; the last answer says where it breaks. */
static void on_answer(void *arg, json_t *answer, bool last)
{
    const struct plx_cli *cli = arg;
    if (!last && cli->format == PLX_FORMAT_TABLE)
        print_trace(cli, answer);
}

static void print_end(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *place = json_object_get(answer, "place");
    char missing[2048];
    plx_field_list(answer, "missing", missing, sizeof missing);
    if (missing[0])
        plx_say("no answer from %s\n", missing);
    printf("%s", plx_style_on(cli, PLX_STYLE_BOLD));
    plx_say("%s\n", plx_field(place, "sentence"));
    printf("%s", plx_style_off(cli, PLX_STYLE_BOLD));
}

/* ---- for programs ---- */

static void csv_hop(struct plx_table *table, const json_t *answer, const json_t *flow,
                    const json_t *hop)
{
    plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, "region"));
    plx_table_cell(table, PLX_STYLE_NONE, plx_field(answer, "agent"));
    plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                    (long long)plx_field_int(flow, "source_port"));
    plx_table_cellf(table, PLX_STYLE_NONE, "%lld", (long long)plx_field_int(hop, "ttl"));
    plx_table_cell(table, PLX_STYLE_NONE, plx_field(hop, "kind"));
    plx_table_cell(table, PLX_STYLE_NONE, plx_field(hop, "from"));
    if (json_is_number(json_object_get(hop, "rtt_ms")))
        plx_table_cellf(table, PLX_STYLE_NONE, "%.3f", plx_field_num(hop, "rtt_ms"));
    else
        plx_table_cell(table, PLX_STYLE_NONE, "");
}

static void print_csv(const struct plx_cli *cli, const json_t *answers)
{
    static const struct plx_column columns[] = {
        {"region", "", false, 0}, {"agent", "", false, 0}, {"source_port", "", false, 0},
        {"ttl", "", false, 0},    {"kind", "", false, 0},  {"from", "", false, 0},
        {"rtt_ms", "", false, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 7);
    size_t i, f, h;
    json_t *answer, *flow, *hop;
    json_array_foreach(answers, i, answer)
        json_array_foreach(json_object_get(answer, "flows"), f, flow)
            json_array_foreach(json_object_get(flow, "hops"), h, hop)
                csv_hop(table, answer, flow, hop);
    plx_table_print(table);
    plx_table_destroy(&table);
}

/* ---- the command ---- */

static int fill_question(struct plx_question *q, const struct plx_args *args,
                         struct plx_why *why)
{
    char host[PLX_HOST_MAX + 1];
    const char *from;
    uint16_t port;
    if (plx_text_host_port(args->words[0], host, &port) < 0)
        return plx_why_set(why, PLX_EINVAL, "'%s' is not HOST:PORT", args->words[0]);
    plx_json_kstr(&q->json, "target", args->words[0]);
    int err = plx_question_number(q, args, "flows", PLX_TRACE_FLOWS_MAX, why);
    if (err == 0)
        err = plx_question_number(q, args, "hops", PLX_TRACE_HOPS_MAX, why);
    if (err == 0)
        err = plx_question_number(q, args, "ip", 6, why);
    if (err < 0 || !plx_args_has(args, "from"))
        return err;
    plx_json_key(&q->json, "from");
    plx_json_array(&q->json);
    for (size_t i = 0; (from = plx_args_nth(args, "from", i)) != NULL; i++)
        plx_json_str(&q->json, from);
    plx_json_end(&q->json);
    return 0;
}

static int code_of(const json_t *answer)
{
    const char *kind = plx_field(json_object_get(answer, "place"), "kind");
    if (json_array_size(json_object_get(answer, "answers")) == 0)
        return PLX_EXIT_INCONCLUSIVE;
    if (strcmp(kind, "unknown") == 0)
        return PLX_EXIT_INCONCLUSIVE;
    return strcmp(kind, "none") == 0 ? PLX_EXIT_OK : PLX_EXIT_NO;
}

int plx_cmd_trace(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int code = plx_question_fill(&q, &cli->args, fill_question);
    if (code != PLX_EXIT_OK)
        return code;
    code = plx_ask_stream(cli, "trace", &q, on_answer, cli, &answer);
    if (code == PLX_EXIT_OK) {
        if (cli->format == PLX_FORMAT_CSV)
            print_csv(cli, json_object_get(answer, "answers"));
        else if (!plx_show_data(cli, answer))
            print_end(cli, answer);
        code = code_of(answer);
    }
    json_decref(answer);
    return code;
}
