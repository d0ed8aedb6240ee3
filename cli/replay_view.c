#include "cli/replay_view.h"

#include "cli/verdict.h"

#include <inttypes.h>
#include <string.h>

#define N_KINDS (PLX_PAGES_ONLY_THEN + 1)

struct tally {
    size_t now, then, differ;
    size_t kinds[N_KINDS];
};

static struct tally count(const struct plx_replay_view *view)
{
    struct tally t = {0};
    for (size_t i = 0; i < view->n_pairs; i++) {
        const struct plx_pages_pair *p = &view->pairs[i];
        t.now += p->now && !p->now->unpaged;
        t.then += p->then && !p->then->unpaged;
        t.kinds[p->kind]++;
        t.differ += p->kind != PLX_PAGES_SAME;
    }
    return t;
}

static const char *name_of(const struct plx_replay_view *view, uint32_t monitor)
{
    return view->run->lines.monitors.names[monitor];
}

static double seconds(int64_t ns)
{
    return (double)ns / (double)PLX_SEC_NS;
}

/* ---- for programs ---- */

static json_t *time_json(struct plx_wall t)
{
    char text[PLX_WALL_TEXT_MAX];
    return t.ns > 1 ? json_string(plx_wall_format(t, text)) : json_null();
}

static json_t *page_json(const struct plx_replay_view *view, const struct plx_page *page)
{
    if (!page)
        return json_null();
    json_t *members = json_array();
    for (size_t i = 0; i < page->n_members; i++)
        json_array_append_new(members, json_string(name_of(view, page->members[i])));
    struct plx_wall end = page->until.ns ? page->until : view->span.until;
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:b, s:s}", "from",
                     time_json(page->from), "until", time_json(page->until), "lasted_s",
                     page->from.ns > 1
                         ? json_real(seconds(plx_wall_diff(end, page->from)))
                         : json_null(),
                     "class", plx_page_class(page), "entity", page->scope, "verdict",
                     plx_judge_verdict_token(page->verdict), "monitors", members, "page",
                     !page->unpaged, "sentence", page->sentence);
}

static json_t *view_json(const struct plx_replay_view *view, const struct tally *t)
{
    json_t *pages = json_array(), *kinds = json_object();
    for (size_t i = 0; i < view->n_pairs; i++) {
        const struct plx_pages_pair *p = &view->pairs[i];
        json_array_append_new(pages, json_pack("{s:s, s:f, s:f, s:o, s:o}", "change",
                                               plx_pages_kind_token(p->kind),
                                               "starts_later_s", seconds(p->starts_ns),
                                               "ends_later_s", seconds(p->ends_ns),
                                               "would", page_json(view, p->now), "did",
                                               page_json(view, p->then)));
    }
    for (int k = 0; k < N_KINDS; k++)
        json_object_set_new(kinds, plx_pages_kind_token((enum plx_pages_kind)k),
                            json_integer((json_int_t)t->kinds[k]));
    return json_pack("{s:o, s:o, s:s, s:o, s:I, s:I, s:o, s:b, s:{s:I, s:I}}", "from",
                     time_json(view->span.from), "until", time_json(view->span.until),
                     "against", view->recorded ? "recorded" : "default", "pages", pages,
                     "would_page", (json_int_t)t->now, "did_page", (json_int_t)t->then,
                     "changes", kinds, "same", t->differ == 0, "results", "judged",
                     (json_int_t)(view->run->n_results - view->run->n_left_out),
                     "left_out", (json_int_t)view->run->n_left_out);
}

/* ---- for people ---- */

static const char *kind_text(const struct plx_replay_view *view,
                             const struct plx_pages_pair *p, char *buf, size_t size)
{
    char age[PLX_DURATION_TEXT_MAX];
    int64_t off_ns = p->starts_ns < 0 ? -p->starts_ns : p->starts_ns;
    switch (p->kind) {
    case PLX_PAGES_SAME:
        return p->now->unpaged ? "same, without a page" : "same";
    case PLX_PAGES_EARLIER:
        snprintf(buf, size, "%s earlier", plx_age_text(off_ns, age));
        return buf;
    case PLX_PAGES_LATER:
        snprintf(buf, size, "%s later", plx_age_text(off_ns, age));
        return buf;
    case PLX_PAGES_OTHERWISE:
        snprintf(buf, size, "was %s %s", plx_page_class(p->then),
                 p->then->scope[0] ? p->then->scope : "of unknown scope");
        return buf;
    case PLX_PAGES_ONLY_NOW:
        return view->recorded ? "would page, did not" : "would page, by default not";
    case PLX_PAGES_ONLY_THEN:
        return view->recorded ? "paged, would not" : "would not page, by default would";
    }
    return "";
}

static enum plx_style kind_style(enum plx_pages_kind kind)
{
    return kind == PLX_PAGES_SAME                                      ? PLX_STYLE_DIM
           : kind == PLX_PAGES_ONLY_NOW || kind == PLX_PAGES_ONLY_THEN ? PLX_STYLE_BAD
                                                                       : PLX_STYLE_WARN;
}

static void cell_members(struct plx_table *table, const struct plx_replay_view *view,
                         const struct plx_page *page)
{
    if (page->n_members == 1)
        plx_table_cell(table, PLX_STYLE_NONE, name_of(view, page->members[0]));
    else
        plx_table_cellf(table, PLX_STYLE_NONE, "%s and %zu more",
                        name_of(view, page->members[0]), page->n_members - 1);
}

static void add_row(struct plx_table *table, const struct plx_replay_view *view,
                    const struct plx_pages_pair *p)
{
    const struct plx_page *page = p->now ? p->now : p->then;
    struct plx_wall from =
        page->from.ns < view->span.from.ns ? view->span.from : page->from;
    struct plx_wall until = page->until.ns ? page->until : view->span.until;
    char text[PLX_WALL_TEXT_MAX], age[PLX_DURATION_TEXT_MAX], change[512];
    plx_wall_format(from, text);
    plx_table_cellf(table, PLX_STYLE_NONE, "%s%.19sZ",
                    page->from.ns < view->span.from.ns ? "before " : "", text);
    plx_table_cellf(table, PLX_STYLE_NONE, "%s%s",
                    plx_age_text(plx_wall_diff(until, from), age),
                    page->until.ns ? "" : " and on");
    plx_table_cell(table, PLX_STYLE_NONE, plx_page_class(page));
    plx_table_cell(table, PLX_STYLE_NONE, page->scope);
    cell_members(table, view, page);
    plx_table_cell(table, kind_style(p->kind), kind_text(view, p, change, sizeof change));
    plx_table_cell(table, PLX_STYLE_NONE, page->sentence);
}

static void print_table(const struct plx_cli *cli, const struct plx_replay_view *view)
{
    static const struct plx_column columns[] = {
        {"from", "FROM", false, 0},          {"lasted", "LASTED", true, 0},
        {"class", "BROKEN", false, 0},       {"entity", "ENTITY", false, 30},
        {"monitors", "MONITORS", false, 30}, {"change", "CHANGE", false, 0},
        {"sentence", "WHY", false, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 7);
    for (size_t i = 0; i < view->n_pairs; i++)
        add_row(table, view, &view->pairs[i]);
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_summary(const struct plx_replay_view *view, const struct tally *t)
{
    char from[PLX_WALL_TEXT_MAX], until[PLX_WALL_TEXT_MAX];
    plx_wall_format(view->span.from, from);
    plx_wall_format(view->span.until, until);
    plx_say("%s%zu page%s would have been sent, %zu %s; %zu differ%s\n",
            view->n_pairs > 0 ? "\n" : "", t->now, t->now == 1 ? "" : "s", t->then,
            view->recorded ? (t->then == 1 ? "was" : "were") : "by default", t->differ,
            t->differ == 1 ? "s" : "");
    plx_say("%.19sZ to %.19sZ · %" PRIu64 " results judged", from, until,
            view->run->n_results - view->run->n_left_out);
    if (view->run->n_left_out > 0)
        plx_say(", %" PRIu64 " left out (their agent or monitor has changed)",
                view->run->n_left_out);
    putchar('\n');
}

bool plx_replay_show(const struct plx_cli *cli, const struct plx_replay_view *view)
{
    struct tally t = count(view);
    json_t *json = view_json(view, &t);
    if (!plx_show_data(cli, json)) {
        if (view->n_pairs > 0 || cli->format == PLX_FORMAT_CSV)
            print_table(cli, view);
        if (cli->format != PLX_FORMAT_CSV)
            print_summary(view, &t);
    }
    json_decref(json);
    return t.differ == 0;
}
