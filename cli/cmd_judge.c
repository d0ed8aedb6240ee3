/* parallax judge: the fault localiser as a filter, JSON lines in and out.
 *
 * Keeps no clock of its own and opens nothing but its standard streams. docs/VERDICTS.md
 * describes the lines. */
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/judge_feed.h"
#include "cli/judge_lines.h"
#include "coordinator/core/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUT_LIMIT (64u * 1024 * 1024)

struct filter {
    struct plx_lines lines;
    struct plx_judge *judge;
    struct plx_buf out;
};

/* --- output
 * ------------------------------------------------------------------------------ */

static const char *agent_name(const struct filter *f, uint32_t id)
{
    return f->lines.agents.names[id];
}

static const char *monitor_name(const struct filter *f, uint32_t id)
{
    return f->lines.monitors.names[id];
}

static void begin(struct filter *f, struct plx_json *j, const char *type, double now)
{
    plx_json_init(j, &f->out);
    plx_json_object(j);
    plx_json_kstr(j, "type", type);
    plx_json_knum(j, "now", now, 6);
}

static void end(struct filter *f, struct plx_json *j)
{
    plx_json_end(j);
    plx_buf_char(&f->out, '\n');
}

static void write_probe(struct filter *f, const struct plx_judge_probe *p, double now)
{
    struct plx_json j;
    begin(f, &j, "probe", now);
    plx_json_kstr(&j, "monitor", monitor_name(f, p->monitor));
    plx_json_kstr(&j, "agent", agent_name(f, p->agent));
    end(f, &j);
}

static void write_id(struct plx_json *j, uint64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "f%" PRIu64, id);
    plx_json_str(j, text);
}

static void write_fault(struct filter *f, const struct plx_judge_fault *t, double now)
{
    struct plx_json j;
    begin(f, &j, "fault", now);
    plx_json_key(&j, "id");
    write_id(&j, t->id);
    plx_json_kstr(&j, "class", plx_judge_class_token(t->class));
    plx_json_kstr(&j, "entity", t->entity);
    plx_json_key(&j, "agents");
    plx_json_array(&j);
    for (size_t i = 0; i < t->n_agents; i++)
        plx_json_str(&j, agent_name(f, t->agents[i]));
    plx_json_end(&j);
    plx_json_key(&j, "monitors");
    plx_json_array(&j);
    for (size_t i = 0; i < t->n_monitors; i++)
        plx_json_str(&j, monitor_name(f, t->monitors[i]));
    plx_json_end(&j);
    plx_json_kstr(&j, "state", t->change == PLX_JUDGE_CLOSED ? "closed" : "open");
    plx_json_knum(&j, "onset", (double)t->onset.ns / 1e9, 3);
    plx_json_knum(&j, "confidence", t->confidence, 3);
    plx_json_kbool(&j, "page", t->page);
    if (t->by_quorum)
        plx_json_kbool(&j, "by_quorum", true);
    plx_json_kstr(&j, "why", t->why);
    end(f, &j);
}

static void write_verdict(struct filter *f, const struct plx_judge_ruling *v, double now)
{
    struct plx_json j;
    begin(f, &j, "verdict", now);
    plx_json_kstr(&j, "monitor", monitor_name(f, v->monitor));
    plx_json_kstr(&j, "verdict", plx_judge_verdict_token(v->verdict));
    plx_json_key(&j, "faults");
    plx_json_array(&j);
    for (size_t i = 0; i < v->n_faults; i++)
        write_id(&j, v->faults[i]);
    plx_json_end(&j);
    plx_json_knum(&j, "confidence", v->confidence, 3);
    plx_json_key(&j, "coverage");
    plx_json_array(&j);
    plx_json_uint(&j, v->fresh);
    plx_json_uint(&j, v->assigned);
    plx_json_end(&j);
    plx_json_kstr(&j, "why", v->why);
    end(f, &j);
}

static int write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PLX_EIO;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int flush(struct filter *f)
{
    size_t len = f->out.len;
    int err = f->out.overflow ? PLX_ETOOBIG : write_all(plx_buf_str(&f->out), len);
    plx_buf_clear(&f->out);
    return err;
}

static int tick(struct filter *f, const struct plx_line *line)
{
    const struct plx_judge_output *out;
    struct plx_json j;
    plx_judge_tick(f->judge, line->now, &out);
    for (size_t i = 0; i < out->n_probes; i++)
        write_probe(f, &out->probes[i], line->now_s);
    for (size_t i = 0; i < out->n_faults; i++)
        write_fault(f, &out->faults[i], line->now_s);
    for (size_t i = 0; i < out->n_verdicts; i++)
        write_verdict(f, &out->verdicts[i], line->now_s);
    begin(f, &j, "done", line->now_s);
    end(f, &j);
    return flush(f);
}

/* --- input
 * ------------------------------------------------------------------------------- */

static int take_line(void *arg, const char *text, size_t len, uint64_t number)
{
    struct filter *f = arg;
    struct plx_line line;
    struct plx_why why = {""};
    if (plx_lines_read(&f->lines, text, len, &line, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "judge: line %" PRIu64 ": %s", number,
                            why.text);
    if (line.type == PLX_LINE_HEARTBEAT)
        plx_judge_heartbeat(f->judge, line.now, line.agent);
    else if (line.type == PLX_LINE_RESULT &&
             plx_judge_result(f->judge, &line.result) == PLX_ENOTFOUND)
        fprintf(stderr,
                "parallax: judge: line %" PRIu64 ": warning: \"%s\" is not assigned to "
                "\"%s\" (any more): result left out\n",
                number, agent_name(f, line.result.agent),
                monitor_name(f, line.result.monitor));
    else if (line.type == PLX_LINE_TICK && tick(f, &line) < 0)
        return plx_complain(PLX_EXIT_FAILED, "judge: cannot write the output");
    return 0;
}

static int print_help(void)
{
    puts(
        "usage: parallax judge <INPUT >OUTPUT\n"
        "\n"
        "Judges recorded or live results: JSON lines in (agent, monitor, heartbeat, "
        "result,\n"
        "tick), JSON lines out (probe, fault, verdict, done), flushed after every tick.\n"
        "Keeps no clock: the same input gives the same output. A line it cannot take is "
        "an\n"
        "error that names the line (exit 2). docs/VERDICTS.md describes the lines.");
    return PLX_EXIT_OK;
}

int plx_cmd_judge(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print_help();
    if (argc > 1)
        return plx_complain(PLX_EXIT_USAGE, "judge: unexpected argument '%s'", argv[1]);
    struct filter f = {.judge = plx_judge_new(NULL)};
    f.lines.judge = f.judge;
    plx_buf_init(&f.out, OUT_LIMIT);
    struct plx_feed feed = {.who = "judge", .fn = take_line, .arg = &f};
    int code = plx_feed_fd(&feed, STDIN_FILENO);
    plx_feed_fini(&feed);
    plx_lines_fini(&f.lines);
    plx_buf_fini(&f.out);
    plx_judge_destroy(&f.judge);
    return code;
}
