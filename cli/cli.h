/* What every command of the CLI gets: its arguments, how to show things, how to end. */
#ifndef PLX_CLI_CLI_H
#define PLX_CLI_CLI_H

#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit codes: part of the interface, docs/CLI.md. */
enum plx_exit {
    PLX_EXIT_OK = 0,
    PLX_EXIT_NO = 1,           /* it worked, and the answer is no: not up, differs */
    PLX_EXIT_USAGE = 2,        /* bad usage or input; nothing was done */
    PLX_EXIT_INCONCLUSIVE = 3, /* the evidence does not suffice */
    PLX_EXIT_UNREACHABLE = 4,  /* no answer from the coordinator */
    PLX_EXIT_FAILED = 5,       /* anything else */
};

struct plx_option {
    const char *name; /* long, without dashes; NULL ends a list */
    char letter;      /* 0: none */
    const char *arg;  /* what its value is called; NULL: takes none */
    const char *help;
};

struct plx_cli;

struct plx_command {
    const char *path;  /* "agents token create" */
    const char *words; /* synopsis of its words: "MONITOR…"; "" for none */
    const char *summary;
    const char *details;              /* more for --help; may be NULL */
    const struct plx_option *options; /* of its own; may be NULL */
    size_t min_words, max_words;
    int (*run)(struct plx_cli *cli); /* returns enum plx_exit */
    /* Instead of run: reads its own arguments, argv[0] being the command's name. */
    int (*run_raw)(int argc, char **argv);
};

/* The table: the commands that exist, in the order of --help. */
extern const struct plx_command plx_commands[];
extern const size_t plx_n_commands;
/* Options of every command. */
extern const struct plx_option plx_global_options[];

#define PLX_GIVEN_MAX 256

struct plx_given {
    const struct plx_option *option;
    const char *value; /* "" for an option without one */
};

/* Arguments sorted out; all texts are argv's. */
struct plx_args {
    const struct plx_command *command; /* NULL: none named (--help, --version) */
    struct plx_given given[PLX_GIVEN_MAX];
    size_t n_given;
    const char **words; /* what is left, e.g. monitors' names */
    size_t n_words;
    char prefix[64]; /* the words that named a command or the beginning of some */
    char **raw;      /* of a run_raw command: its arguments */
    int n_raw;
};

enum plx_format { PLX_FORMAT_TABLE, PLX_FORMAT_JSON, PLX_FORMAT_CSV, PLX_FORMAT_YAML };

struct plx_cli {
    struct plx_args args;
    enum plx_format format;
    bool terminal;    /* stdout is one */
    bool colour;      /* stdout may be coloured */
    const char *wait; /* how long answers are waited for by default; NULL: 30s */
    unsigned width;   /* columns of the terminal; 0: none, never cut or wrap */
};

/* Sorts argv. Returns 0, or PLX_EINVAL with a sentence. `args` is finished with
 * plx_args_fini. */
int plx_args_parse(int argc, char **argv, struct plx_args *args, struct plx_why *why);
void plx_args_fini(struct plx_args *args);
bool plx_args_has(const struct plx_args *args, const char *option);
/* The last value given, or `otherwise`. */
const char *plx_args_value(const struct plx_args *args, const char *option,
                           const char *otherwise);
/* The i-th value given, from 0; NULL when there are no more. */
const char *plx_args_nth(const struct plx_args *args, const char *option, size_t i);

/* Help of one command, of a group ("agents"), or (prefix "") of all. */
void plx_help(const char *prefix);

/* "parallax: <sentence>" on stderr, made safe for a terminal; gives `code` back. */
int plx_complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The exit code of an error code. */
int plx_exit_of(int err);

#endif
