/* parallax replay: what would have paged under other rules, against what did. */
#include "base/err.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/judge_feed.h"
#include "cli/policy.h"
#include "cli/recording.h"
#include "cli/replay_view.h"
#include "cli/rerun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct replay {
    struct plx_cli *cli;
    struct plx_judge_policy policy;
    struct plx_lines_rules rules;
    int64_t tolerance_ns;
    bool against_default;
    struct plx_rerun now;      /* under the rules asked for */
    struct plx_rerun standard; /* under those of the recording */
};

/* ---- options ---- */

static int read_rules(struct replay *r, struct plx_why *why)
{
    const struct plx_args *args = &r->cli->args;
    const char *quorum = plx_args_value(args, "quorum", NULL);
    const char *coverage = plx_args_value(args, "min-coverage", NULL);
    int64_t percent;
    r->rules.has_quorum = quorum != NULL;
    r->rules.has_min_coverage = coverage != NULL;
    if (quorum && plx_quorum_parse(quorum, &r->rules.quorum) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "--quorum must be any, majority, all, N, \"N of "
                           "distinct(region)\" or auto: '%s'",
                           quorum);
    if (!coverage)
        return 0;
    char digits[8];
    size_t n = strcspn(coverage, "%");
    bool good = n > 0 && n < sizeof digits && strcmp(coverage + n, "%") == 0;
    if (good) {
        memcpy(digits, coverage, n);
        digits[n] = '\0';
        good = plx_text_int(digits, 0, 100, &percent) == 0;
    }
    if (!good)
        return plx_why_set(why, PLX_EINVAL,
                           "--min-coverage must be a share such as 60%%: '%s'", coverage);
    r->rules.min_coverage = (double)percent / 100;
    return 0;
}

static int read_policy(struct replay *r, struct plx_why *why)
{
    const struct plx_args *args = &r->cli->args;
    const char *text = plx_args_value(args, "theta", NULL);
    int err = 0;
    plx_judge_policy_default(&r->policy);
    if (text && plx_text_double(text, 0, 1000, &r->policy.theta) < 0)
        return plx_why_set(why, PLX_EINVAL, "--theta must be a number of nats: '%s'",
                           text);
    for (size_t i = 0; err == 0 && (text = plx_args_nth(args, "policy", i)) != NULL; i++)
        err = plx_policy_set(&r->policy, text, why);
    return err;
}

static int read_options(struct replay *r, struct plx_why *why)
{
    const struct plx_args *args = &r->cli->args;
    const char *tolerance = plx_args_value(args, "tolerance", "5s");
    const char *against = plx_args_value(args, "against", "recorded");
    int err = read_rules(r, why);
    if (err == 0)
        err = read_policy(r, why);
    if (err == 0 && plx_duration_parse(tolerance, &r->tolerance_ns) < 0)
        err = plx_why_set(why, PLX_EINVAL,
                          "--tolerance must be a duration such as 5s: '%s'", tolerance);
    r->against_default = strcmp(against, "default") == 0;
    if (err == 0 && !r->against_default && strcmp(against, "recorded") != 0)
        err = plx_why_set(why, PLX_EINVAL, "--against must be recorded or default: '%s'",
                          against);
    bool has_span = plx_args_has(args, "since") || plx_args_has(args, "until");
    if (err == 0 && has_span == (args->n_words > 0))
        err = plx_why_set(why, PLX_EINVAL,
                          has_span ? "either a FILE or --since, not both"
                                   : "what is to be replayed: a FILE ('-' for standard "
                                     "input) or --since TIME");
    return err;
}

/* ---- reading ---- */

/* Both judges hear every line: a recording may come through a pipe. */
static int take_line(void *arg, const char *text, size_t len, uint64_t number)
{
    struct replay *r = arg;
    struct plx_why why = {""};
    int err = plx_rerun_line(&r->now, text, len, &why);
    if (err == 0)
        err = plx_rerun_line(&r->standard, text, len, &why);
    return err == 0 ? 0
                    : plx_complain(PLX_EXIT_USAGE, "replay: line %" PRIu64 ": %s", number,
                                   why.text);
}

static int feed_page(void *feed, const char *text, size_t len)
{
    return plx_feed_bytes(feed, text, len);
}

static int read_coordinator(struct replay *r, struct plx_feed *feed)
{
    struct plx_recording said;
    const struct plx_recording_ask ask = {
        .since = plx_args_value(&r->cli->args, "since", "2h"),
        .until = plx_args_value(&r->cli->args, "until", NULL),
    };
    int code = plx_recording_fetch(r->cli, &ask, feed_page, feed, &said);
    r->now.n_left_out += said.left_out;
    return code == PLX_EXIT_OK ? plx_feed_end(feed) : code;
}

static int read_file(struct plx_feed *feed, const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return plx_complain(PLX_EXIT_USAGE, "replay: cannot open '%s': %s", name,
                            strerror(errno));
    int code = plx_feed_fd(feed, fd);
    if (!is_stdin)
        close(fd);
    return code;
}

static int read_all(struct replay *r)
{
    struct plx_feed feed = {.who = "replay", .fn = take_line, .arg = r};
    int code = r->cli->args.n_words > 0 ? read_file(&feed, r->cli->args.words[0])
                                        : read_coordinator(r, &feed);
    plx_feed_fini(&feed);
    if (code == 0 && r->now.n_results > 0 && r->now.n_ticks == 0)
        code = plx_complain(PLX_EXIT_USAGE,
                            "replay: the recording has no ticks: nothing was judged");
    return code;
}

/* ---- comparing ---- */

static int only_known(const struct replay *r)
{
    const char *name;
    for (size_t i = 0; (name = plx_args_nth(&r->cli->args, "monitor", i)) != NULL; i++)
        if (plx_names_find(&r->now.lines.monitors, name) == UINT32_MAX)
            return plx_complain(PLX_EXIT_USAGE,
                                "replay: there is no monitor '%s' in the recording",
                                name);
    return 0;
}

static bool is_wanted(const struct replay *r, const struct plx_page *page)
{
    const char *name;
    size_t i = 0;
    for (; page && (name = plx_args_nth(&r->cli->args, "monitor", i)) != NULL; i++)
        for (size_t k = 0; k < page->n_members; k++)
            if (strcmp(r->now.lines.monitors.names[page->members[k]], name) == 0)
                return true;
    return i == 0 && page;
}

static struct plx_pages_span span_of(const struct replay *r)
{
    const struct plx_recording_span *said = &r->now.lines.span;
    struct plx_pages_span span = {
        .from = r->now.first,
        .until = r->now.last,
        .tolerance_ns = r->tolerance_ns,
    };
    if (said->from > 0)
        span.from.ns = (int64_t)(said->from * 1e9);
    if (said->until > 0)
        span.until.ns = (int64_t)(said->until * 1e9);
    return span;
}

static int compare(struct replay *r)
{
    bool recorded = !r->against_default && r->now.lines.span.recorded;
    struct plx_pages told = {0};
    struct plx_pages_pair *pairs;
    struct plx_pages_span span = span_of(r);
    size_t n, n_wanted = 0;
    if (recorded)
        plx_rerun_recorded(&r->now, &told);
    plx_pages_compare(&r->now.pages, recorded ? &told : &r->standard.pages, &span, &pairs,
                      &n);
    for (size_t i = 0; i < n; i++)
        if (is_wanted(r, pairs[i].now) || is_wanted(r, pairs[i].then))
            pairs[n_wanted++] = pairs[i];
    const struct plx_replay_view view = {
        .run = &r->now,
        .span = span,
        .pairs = pairs,
        .n_pairs = n_wanted,
        .recorded = recorded,
    };
    bool same = plx_replay_show(r->cli, &view);
    free(pairs);
    plx_pages_fini(&told);
    return same ? PLX_EXIT_OK : PLX_EXIT_NO;
}

int plx_cmd_replay(struct plx_cli *cli)
{
    struct replay r = {.cli = cli};
    struct plx_why why;
    if (read_options(&r, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    plx_rerun_init(&r.now, &r.policy, &r.rules);
    plx_rerun_init(&r.standard, NULL, NULL);
    int code = read_all(&r);
    if (code == 0)
        code = only_known(&r);
    if (code == 0)
        code = compare(&r);
    plx_rerun_fini(&r.now);
    plx_rerun_fini(&r.standard);
    return code;
}
