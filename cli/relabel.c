#include "cli/relabel.h"

#include "base/buf.h"
#include "base/regex.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX_BYTES 8192

static const char *const actions[] = {"replace",   "keep",      "drop",     "lowercase",
                                      "uppercase", "labeldrop", "labelkeep"};

/* ---- labels ---- */

void plx_relabel_fini(struct plx_relabel *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        free(labels->list[i].key);
        free(labels->list[i].value);
    }
    free(labels->list);
    *labels = (struct plx_relabel){0};
}

static size_t find(const struct plx_relabel *labels, const char *key)
{
    size_t i = 0;
    while (i < labels->n && strcmp(labels->list[i].key, key) != 0)
        i++;
    return i;
}

const char *plx_relabel_get(const struct plx_relabel *labels, const char *key)
{
    size_t i = find(labels, key);
    return i < labels->n ? labels->list[i].value : "";
}

static void take_away(struct plx_relabel *labels, size_t i)
{
    free(labels->list[i].key);
    free(labels->list[i].value);
    labels->list[i] = labels->list[--labels->n];
}

void plx_relabel_set(struct plx_relabel *labels, const char *key, const char *value)
{
    size_t i = find(labels, key);
    char *copy = plx_text_dup(value); /* may be one of its own values */
    if (i < labels->n && !*copy) {
        take_away(labels, i);
        free(copy);
    } else if (i < labels->n) {
        free(labels->list[i].value);
        labels->list[i].value = copy;
    } else if (!*copy) {
        free(copy);
    } else {
        labels->list = reallocarray(labels->list, labels->n + 1, sizeof *labels->list);
        if (!labels->list)
            abort();
        labels->list[labels->n++] = (struct plx_relabel_pair){plx_text_dup(key), copy};
    }
}

/* ---- patterns ---- */

/* RE2 there, PCRE2 here: what configurations use is the same in both. Anchored on both
 * sides, and '.' stands for any character. NULL: it cannot be read. */
static struct plx_regex *compile(const char *pattern)
{
    struct plx_regex *regex = NULL;
    struct plx_why why = {""};
    struct plx_buf text;
    plx_buf_init(&text, PLX_REGEX_PATTERN_MAX);
    plx_buf_text(&text, "(?s)^(?:");
    plx_buf_text(&text, pattern);
    plx_buf_text(&text, ")$");
    if (!text.overflow)
        plx_regex_new(plx_buf_str(&text), text.len, &regex, &why);
    plx_buf_fini(&text);
    return regex;
}

bool plx_relabel_matches(const char *pattern, const char *text)
{
    struct plx_regex *regex = compile(pattern);
    size_t end;
    bool yes = regex && plx_regex_match(regex, text, strlen(text), &end) == PLX_REGEX_YES;
    plx_regex_destroy(&regex);
    return yes;
}

/* "$1" or "${1}" at `at`: the group's number and how long that is; 0 if it is none. */
static size_t group_at(const char *at, unsigned *ret_group)
{
    bool braced = at[1] == '{';
    const char *digit = at + 1 + braced;
    if (*at != '$' || !isdigit((unsigned char)*digit) ||
        isdigit((unsigned char)digit[1]) || (braced && digit[1] != '}'))
        return 0;
    *ret_group = (unsigned)(*digit - '0');
    return braced ? 4 : 2;
}

static void expand(const struct plx_regex *regex, const char *subject,
                   const char *replacement, struct plx_buf *out)
{
    for (const char *at = replacement; *at;) {
        unsigned group = 0;
        size_t n = group_at(at, &group), from, to;
        if (n == 0)
            plx_buf_char(out, *at);
        else if (plx_regex_group(regex, group, &from, &to))
            plx_buf_add(out, subject + from, to - from);
        at += n ? n : 1;
    }
}

/* ---- rules ---- */

static const char *word(const struct plx_node *rule, const char *key, const char *usual)
{
    const char *text = plx_node_text(rule, key);
    return text ? text : usual;
}

const char *plx_relabel_trouble(const struct plx_node *rule)
{
    const char *action = word(rule, "action", "replace");
    struct plx_regex *regex = compile(word(rule, "regex", "(.*)"));
    bool readable = regex != NULL;
    plx_regex_destroy(&regex);
    if (!readable)
        return "its regex cannot be read";
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(action, actions[i]) == 0)
            return NULL;
    return "an action that is not known here";
}

/* The values of source_labels, joined. */
static void join_sources(const struct plx_relabel *labels, const struct plx_node *rule,
                         struct plx_buf *out)
{
    const struct plx_node *list = plx_node_get(rule, "source_labels");
    for (size_t i = 0; list && list->kind == PLX_NODE_LIST && i < list->n; i++) {
        if (i > 0)
            plx_buf_text(out, word(rule, "separator", ";"));
        if (list->items[i]->text)
            plx_buf_text(out, plx_relabel_get(labels, list->items[i]->text));
    }
}

static void replace(struct plx_relabel *labels, const struct plx_node *rule,
                    const struct plx_regex *regex, const char *source)
{
    struct plx_buf key, value;
    plx_buf_init(&key, VALUE_MAX_BYTES);
    plx_buf_init(&value, VALUE_MAX_BYTES);
    expand(regex, source, word(rule, "target_label", ""), &key);
    expand(regex, source, word(rule, "replacement", "$1"), &value);
    if (key.len > 0)
        plx_relabel_set(labels, plx_buf_str(&key), plx_buf_str(&value));
    plx_buf_fini(&key);
    plx_buf_fini(&value);
}

static void change_case(struct plx_relabel *labels, const struct plx_node *rule,
                        const char *source, int (*change)(int))
{
    char *text = plx_text_dup(source);
    for (char *p = text; *p; p++)
        *p = (char)change((unsigned char)*p);
    plx_relabel_set(labels, word(rule, "target_label", ""), text);
    free(text);
}

/* labeldrop and labelkeep look at names. */
static void filter_names(struct plx_relabel *labels, struct plx_regex *regex, bool keep)
{
    size_t end;
    for (size_t i = labels->n; i-- > 0;) {
        const char *key = labels->list[i].key;
        bool match = plx_regex_match(regex, key, strlen(key), &end) == PLX_REGEX_YES;
        if (match != keep)
            take_away(labels, i);
    }
}

static bool apply_one(struct plx_relabel *labels, const struct plx_node *rule,
                      struct plx_regex *regex, const char *source)
{
    const char *action = word(rule, "action", "replace");
    size_t end;
    bool match = plx_regex_match(regex, source, strlen(source), &end) == PLX_REGEX_YES;
    if (strcmp(action, "keep") == 0)
        return match;
    if (strcmp(action, "drop") == 0)
        return !match;
    if (strcmp(action, "lowercase") == 0)
        change_case(labels, rule, source, tolower);
    else if (strcmp(action, "uppercase") == 0)
        change_case(labels, rule, source, toupper);
    else if (strncmp(action, "label", 5) == 0)
        filter_names(labels, regex, strcmp(action, "labelkeep") == 0);
    else if (match)
        replace(labels, rule, regex, source);
    return true;
}

bool plx_relabel_apply(struct plx_relabel *labels, const struct plx_node *rules)
{
    bool kept = true;
    for (size_t i = 0; kept && rules && rules->kind == PLX_NODE_LIST && i < rules->n;
         i++) {
        const struct plx_node *rule = rules->items[i];
        if (rule->kind != PLX_NODE_MAP || plx_relabel_trouble(rule))
            continue;
        struct plx_regex *regex = compile(word(rule, "regex", "(.*)"));
        struct plx_buf source;
        plx_buf_init(&source, VALUE_MAX_BYTES);
        join_sources(labels, rule, &source);
        kept = apply_one(labels, rule, regex, plx_buf_str(&source));
        plx_buf_fini(&source);
        plx_regex_destroy(&regex);
    }
    return kept;
}
