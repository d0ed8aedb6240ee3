/* plx-sim-judge: plays labelled worlds before the judge and the baselines.
 *
 *   plx-sim-judge run RECIPE FIRST_SEED WORLDS [without MASK]   figures
 *   plx-sim-judge bad RECIPE FIRST_SEED WORLDS                  worlds that went wrong
 *   plx-sim-judge show RECIPE SEED [LEVEL]                      one world, in detail
 *   plx-sim-judge knobs RECIPE FIRST_SEED WORLDS                each constant, halved and
 *                                                               doubled: a row each
 *   plx-sim-judge check                                         quick run against limits
 *
 * Seeds below 1000 are for development, from 1000 on for published figures. */
#include "knobs.h"
#include "play.h"
#include "score.h"
#include "world.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_recipe recipes[] = {
    {"ten", 10, 10, 5, 0.005, 0.02, 0.5, 0, 0.0, 1, 3, false, false, 45, 1, false, false,
     0, false},
    {"ten-overlap", 10, 10, 5, 0.005, 0.02, 0.5, 0, 0.0, 2, 3, true, false, 45, 1, false,
     false, 0, false},
    {"quiet", 10, 10, 5, 0.02, 0.02, 2, 0, 0.0, 0, 0, false, false, 120, 1, false, false,
     0, false},
    {"hostile", 10, 10, 5, 0.02, 0.05, 1, 0.03, 2.0, 1, 3, false, true, 45, 1, false,
     false, 0, false},
    {"mixed", 3, 12, 5, 0.001, 0.05, 1, 0.005, 1.0, 1, 3, false, false, 45, 1, false,
     false, 0, false},
    {"uneven", 10, 10, 5, 0.001, 0.05, 0.5, 0, 0.0, 1, 3, false, false, 45, 1, false,
     false, 0, false},
    {"lossy", 10, 10, 5, 0.001, 0.15, 0.5, 0, 0.0, 1, 3, false, false, 45, 1, false,
     false, 0, false},
    {"slow-ticks", 3, 12, 5, 0.001, 0.05, 1, 0.005, 1.0, 1, 3, false, false, 45, 5, false,
     false, 0, false},
    {"three", 3, 3, 3, 0.005, 0.02, 0.5, 0, 0.0, 1, 2, false, false, 45, 1, false, false,
     0, false},
    {"two", 2, 2, 2, 0.005, 0.02, 0.5, 0, 0.0, 1, 2, false, false, 45, 1, false, false, 0,
     false},
    {"one", 1, 1, 1, 0.005, 0.02, 0.5, 0, 0.0, 1, 2, false, false, 45, 1, false, false, 0,
     false},
    {"dropped", 5, 5, 3, 0.0005, 0.003, 0.1, 0, 0.0, 1, 3, false, false, 45, 0.1, true,
     true, 0, false},
    {"dropped-lossy", 5, 5, 3, 0.005, 0.02, 0.5, 0, 0.0, 1, 3, false, false, 45, 0.1,
     true, true, 0, false},
    {"few", 10, 10, 5, 0.005, 0.02, 0.5, 0, 0.0, 1, 3, false, false, 45, 1, true, false,
     2, false},
    {"few-spares", 10, 10, 5, 0.005, 0.02, 0.5, 0, 0.0, 1, 3, false, false, 45, 1, true,
     false, 2, true},
};

static const struct sim_recipe *find(const char *name)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strcmp(recipes[i].name, name) == 0)
            return &recipes[i];
    fprintf(stderr, "no recipe \"%s\"\n", name);
    exit(2);
}

static void *zeroed(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL)
        abort();
    return p;
}

static void print_tally(const char *name, struct sim_tally *t, double years)
{
    printf("  %-26s precision %.4f  recall %.4f  (per monitor %.4f)  detect %5.1f s / "
           "%5.1f s"
           "  false/monitor-year %.2f\n",
           name, sim_tally_precision(t), sim_tally_recall(t),
           t->cells ? (double)t->cells_detected / (double)t->cells : 1.0,
           sim_tally_time(t, 0.5), sim_tally_time(t, 0.95), (double)t->bad / years);
}

static void add_names(const struct sim_score *s, struct sim_family *ret)
{
    *ret = (struct sim_family){0};
    for (int c = 0; c <= SIM_PROVIDER; c++) {
        ret->said_good += s->named[c].said_good;
        ret->said_bad += s->named[c].said_bad;
        ret->true_found += s->named[c].true_found;
        ret->true_missed += s->named[c].true_missed;
    }
}

static double macro_f1(const struct sim_score *s)
{
    return (sim_f1(&s->family[0]) + sim_f1(&s->family[1]) + sim_f1(&s->family[2])) / 3;
}

static void print_names(const struct sim_score *s)
{
    struct sim_family all;
    add_names(s, &all);
    for (int c = 0; c <= SIM_PROVIDER; c++) {
        const struct sim_family *f = &s->named[c];
        if (f->true_found + f->true_missed + f->said_good + f->said_bad > 0)
            printf("    named %-16s recall %.3f (%llu)  precision %.3f (%llu)\n",
                   sim_class_name((enum sim_class)c), sim_family_recall(f),
                   (unsigned long long)(f->true_found + f->true_missed),
                   sim_family_precision(f),
                   (unsigned long long)(f->said_good + f->said_bad));
    }
    printf("  named right: recall %.4f  precision %.4f\n", sim_family_recall(&all),
           sim_family_precision(&all));
}

static void print_confusion(const struct sim_score *s)
{
    printf("  truth \\ told      ");
    for (int k = 0; k < PLX_JUDGE_CLASS_COUNT_; k++)
        printf("%9s", plx_judge_class_token((enum plx_judge_class)k));
    printf("\n");
    for (int c = 0; c <= SIM_PROVIDER; c++) {
        printf("  %-16s", sim_class_name((enum sim_class)c));
        for (int k = 0; k < PLX_JUDGE_CLASS_COUNT_; k++)
            printf("%9llu", (unsigned long long)s->confusion[c][k]);
        printf("\n");
    }
}

static void print_score(struct sim_score *s, const char *name, bool long_form)
{
    double f1 = macro_f1(s);
    printf("%s: %llu worlds, %.2f monitor-years\n", name, (unsigned long long)s->worlds,
           s->monitor_years);
    print_tally("judge", &s->judge, s->monitor_years);
    printf("  macro-F1 %.4f (server %.4f, path %.4f, ours %.4f)\n", f1,
           sim_f1(&s->family[0]), sim_f1(&s->family[1]), sim_f1(&s->family[2]));
    print_names(s);
    if (s->lags.n)
        printf(
            "  verdict after the first probe that met it: median %.1f s, 95 %% %.1f s, "
            "at most %.1f s (%llu)\n",
            sim_lags_time(&s->lags, 0.5), sim_lags_time(&s->lags, 0.95),
            sim_lags_time(&s->lags, 1), (unsigned long long)s->lags.n);
    printf("  extra probes %.2f %%\n",
           100.0 * (double)s->n_extra / (double)s->n_scheduled);
    if (s->overlaps)
        printf("  server faults during ours: %llu, paged %.4f, ours named %.4f\n",
               (unsigned long long)s->overlaps,
               (double)s->overlap_server / (double)s->overlaps,
               (double)s->overlap_other / (double)s->overlaps);
    if (s->odd)
        printf("  shapes without a class: %llu, nothing wrong claimed %.4f\n",
               (unsigned long long)s->odd, (double)s->odd_humble / (double)s->odd);
    if (!long_form)
        return;
    for (int b = 0; b < SIM_BASELINES; b++)
        print_tally(sim_baseline_name((enum sim_baseline)b), &s->base[b],
                    s->monitor_years);
    print_confusion(s);
}

static uint64_t number(const char *text)
{
    int64_t v;
    if (plx_text_int(text, 0, INT64_MAX, &v) != 0) {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return (uint64_t)v;
}

static void play_many(struct sim_score *score, const struct sim_recipe *recipe,
                      uint64_t seed, uint64_t n, const struct plx_judge_policy *policy,
                      bool bad)
{
    struct sim_world *w = zeroed(sizeof *w);
    struct sim_story *story = zeroed(sizeof *story);
    for (uint64_t i = 0; i < n; i++) {
        sim_world_make(w, recipe, seed + i);
        sim_play(w, policy, story, 0);
        if (bad)
            printf("seed %llu\n", (unsigned long long)(seed + i));
        sim_score_add(score, w, story, bad);
    }
    free(w);
    free(story);
}

static int run(int argc, char **argv, bool bad)
{
    struct plx_judge_policy policy;
    plx_judge_policy_default(&policy);
    if (argc > 5)
        policy.without = (uint32_t)number(argv[5]);
    struct sim_score *score = zeroed(sizeof *score);
    play_many(score, find(argv[2]), number(argv[3]), number(argv[4]), &policy, bad);
    print_score(score, argv[2], !bad);
    free(score);
    return 0;
}

/* One row: what the judge is worth under this policy. */
static void print_row(const char *name, const char *value, const char *recipe,
                      uint64_t seed, uint64_t n, const struct plx_judge_policy *policy)
{
    struct sim_score *s = zeroed(sizeof *s);
    struct sim_family names;
    play_many(s, find(recipe), seed, n, policy, false);
    add_names(s, &names);
    printf("| %s | %s | %.3f | %.3f | %.1f / %.1f s | %.3f | %.3f / %.3f | %.2f %% |\n",
           name, value, sim_tally_precision(&s->judge), sim_tally_recall(&s->judge),
           sim_tally_time(&s->judge, 0.5), sim_tally_time(&s->judge, 0.95), macro_f1(s),
           sim_family_recall(&names), sim_family_precision(&names),
           100.0 * (double)s->n_extra / (double)s->n_scheduled);
    fflush(stdout);
    free(s);
}

/* How much depends on each constant. */
static int knobs(char **argv)
{
    uint64_t seed = number(argv[3]), n = number(argv[4]);
    struct plx_judge_policy policy;
    plx_judge_policy_default(&policy);
    printf(
        "| constant | times | precision | recall | detect | macro-F1 | named | extra |\n"
        "|---|---|---|---|---|---|---|---|\n");
    print_row("(as it is)", "1", argv[2], seed, n, &policy);
    for (int i = 0; sim_knob_name(i) != NULL; i++)
        for (int twice = 0; twice <= 1; twice++) {
            plx_judge_policy_default(&policy);
            sim_knob_turn(&policy, sim_knob_name(i), twice ? 2 : 0.5);
            print_row(sim_knob_name(i), twice ? "2" : "½", argv[2], seed, n, &policy);
        }
    return 0;
}

static void print_truth(const struct sim_world *w)
{
    printf("%d agents, %d hosts, %d monitors\n", w->n_agents, w->n_hosts, w->n_monitors);
    for (int a = 0; a < w->n_agents; a++)
        printf("  a%d r%d p%d noise %.3f clock %.2f\n", a, w->agents[a].region,
               w->agents[a].provider, w->agents[a].noise, w->agents[a].clock_s);
    for (int m = 0; m < w->n_monitors; m++)
        printf("  m%d=h%d/%d", m, w->monitors[m].host,
               w->hosts[w->monitors[m].host].prefix);
    printf("\n");
    for (int i = 0; i < w->n_faults; i++)
        printf("  TRUTH %s x=%d y=%d agents=%x hosts=%llx level=%d from %.1f to %.1f "
               "mode=%d\n",
               sim_class_name(w->faults[i].class), w->faults[i].x, w->faults[i].y,
               w->faults[i].agents, (unsigned long long)w->faults[i].hosts,
               w->faults[i].filter_level, w->faults[i].start, w->faults[i].end,
               (int)w->faults[i].mode);
}

static int show(int argc, char **argv)
{
    struct sim_world *w = zeroed(sizeof *w);
    struct sim_story *story = zeroed(sizeof *story);
    struct sim_score *score = zeroed(sizeof *score);
    sim_world_make(w, find(argv[2]), number(argv[3]));
    print_truth(w);
    sim_play(w, NULL, story, argc > 4 ? (int)number(argv[4]) : 1);
    sim_score_add(score, w, story, 1);
    print_score(score, argv[2], false);
    free(w);
    free(story);
    free(score);
    return 0;
}

static bool expect(const char *what, double is, double least)
{
    printf("%s %.4f, at least %.4f\n", what, is, least);
    return is >= least;
}

/* Quick and seeded, for the ordinary test run: far below the published figures, so that
 * only a broken judge fails it. */
static int check(void)
{
    struct plx_judge_policy policy;
    plx_judge_policy_default(&policy);
    struct sim_score *ten = zeroed(sizeof *ten), *quiet = zeroed(sizeof *quiet);
    struct sim_score *dropped = zeroed(sizeof *dropped), *split = zeroed(sizeof *split);
    struct sim_family names;
    play_many(ten, find("ten"), 1, 15, &policy, false);
    play_many(ten, find("ten-overlap"), 1, 8, &policy, false);
    play_many(quiet, find("quiet"), 1, 4, &policy, false);
    play_many(dropped, find("dropped"), 1, 10, &policy, false);
    /* A region and a provider that fail, each once told as its paths to all networks. */
    play_many(split, find("ten"), 5217, 1, &policy, false);
    play_many(split, find("ten"), 5284, 1, &policy, false);
    add_names(split, &names);
    bool ok = expect("precision", sim_tally_precision(&ten->judge), 0.95);
    ok &= expect("what is told of ours that fails", sim_family_precision(&names), 0.8);
    ok &= expect("recall", sim_tally_recall(&ten->judge), 0.97);
    ok &= expect("F1 of server faults", sim_f1(&ten->family[0]), 0.95);
    ok &= expect("F1 of path faults", sim_f1(&ten->family[1]), 0.90);
    ok &= expect("F1 of our own faults", sim_f1(&ten->family[2]), 0.95);
    ok &= expect("minus the median seconds to detect", -sim_tally_time(&ten->judge, 0.5),
                 -16);
    ok &= expect("minus the false alerts in the quiet", -(double)quiet->judge.bad, 0);
    ok &= expect("minus the extra probes in the quiet",
                 -(double)quiet->n_extra / (double)quiet->n_scheduled, -0.03);
    ok &= expect("precision about silent services", sim_tally_precision(&dropped->judge),
                 1);
    ok &= expect("minus the median seconds from the first failed probe to the verdict",
                 -sim_lags_time(&dropped->lags, 0.5), -4);
    free(split);
    free(dropped);
    free(ten);
    free(quiet);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "check") == 0)
        return check();
    if (argc >= 5 && strcmp(argv[1], "run") == 0)
        return run(argc, argv, false);
    if (argc >= 5 && strcmp(argv[1], "bad") == 0)
        return run(argc, argv, true);
    if (argc >= 5 && strcmp(argv[1], "knobs") == 0)
        return knobs(argv);
    if (argc >= 4 && strcmp(argv[1], "show") == 0)
        return show(argc, argv);
    fprintf(stderr,
            "usage: %s run|bad RECIPE SEED N [without MASK] | knobs RECIPE SEED N | show "
            "RECIPE SEED [LEVEL] | check\n",
            argv[0]);
    return 2;
}
