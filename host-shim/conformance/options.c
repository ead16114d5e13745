/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which plugin, which settings, which tests. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervise.h"

static const char usage[] =
    "usage: regstore-conformance [--config FILE] [--location NAME] [--plugin-dir DIR]\n"
    "                            [--plugin NAME|FILE.so] [--set KEY=VALUE]... [ARGUMENT...]\n"
    "\n"
    "Proves a plugin against the rules of regstore.h, each test in a process of its own: a crash\n"
    "and a hang are results. All that it makes lies under a fresh folder of storage_path, which "
    "it\n"
    "names first and leaves empty, after Ctrl-C too.\n"
    "\n"
    "which tests:\n"
    "  --family NAME, --rule RULE, --test FAMILY/CLAIM\n"
    "                       these alone; each may be given several times; RULE as TOK-1, or TOK\n"
    "  --list [--json]      say which tests these are and what the rules say; run nothing\n"
    "  --own-store          nobody else has uploads in this store: needed for purge where the\n"
    "                       plugin has no setting storage_path\n"
    "how:\n"
    "  --jobs N             as many tests at a time; those that measure seconds or purge in\n"
    "                       earnest stay alone\n"
    "  --repeat N           each test as often, each time with the next seed\n"
    "  --seed N             of all contents; else by chance, and told\n"
    "  --timeout SECONDS    for each test, 60 unless told: then its calls are cancelled, and 10\n"
    "                       seconds later it is killed\n"
    "what is told:\n"
    "  --tap, --json        TAP 13, or one JSON document, in place of text\n"
    "  --html FILE          also a page that holds all it needs: rules by backends\n"
    "  --compare FILE       beside it in the page, what --json has told of another run; may be\n"
    "                       given several times\n"
    "  --page-only          run nothing: the page shows the runs of --compare\n"
    "  --name NAME          of this run, in the page and in JSON\n"
    "Exit status: 0 all that ran has passed, 1 something failed or nothing ran (all was skipped),\n"
    "or it was stopped or could not remove all, 2 usage or configuration.\n";

static bool refuse(const char *what, const char *value)
{
    (void)fprintf(stderr, "regstore-conformance: %s: %s\n", what, value);
    return false;
}

static bool add_word(struct words *words, const char *word)
{
    if (words->n == OPTION_WORDS)
        return refuse("too many options of one kind", word);
    words->word[words->n++] = word;
    return true;
}

static bool read_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max)
        return refuse("not a number that fits", text);
    *number = value;
    return true;
}

static bool read_count(const char *text, unsigned max, unsigned *count)
{
    uint64_t number = 0;
    if (!read_number(text, max, &number))
        return false;
    *count = (unsigned)number;
    return number > 0 || refuse("it takes one at least", text);
}

/* As a shell reads it; cut when very long: it is for people. */
static void quote(struct options *o, const char *option, const char *value, const char *tail)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+./:,@%=";
    const size_t len = strlen(o->how_to_run), cap = sizeof o->how_to_run - len;
    const bool is_plain = value[strspn(value, plain)] == '\0';
    (void)snprintf(o->how_to_run + len, cap, " %s%s%s%s%s%s", option, value[0] ? " " : "",
                   is_plain ? "" : "'", value, is_plain ? "" : "'", tail);
}

/* The value may be a secret: the report shows the key alone. */
static bool add_setting(struct options *o, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return refuse("--set wants KEY=VALUE", text);
    if (o->source.n_set == OPTION_WORDS)
        return refuse("too many options of one kind", text);
    *equals = '\0';
    o->set[o->source.n_set].key = text;
    o->set[o->source.n_set].value = equals + 1;
    o->source.n_set++;
    quote(o, "--set", text, "=...");
    return true;
}

static bool take_source(struct options *o, const char *option, const char **place,
                        const char *value)
{
    *place = value;
    quote(o, option, value, "");
    return true;
}

static bool take_flag(struct options *o, int option)
{
    switch (option) {
    case 'O':
        o->is_own_store = true;
        quote(o, "--own-store", "", "");
        return true;
    case 'L':
        o->list = true;
        return true;
    case 'T':
        o->tap = true;
        return true;
    case 'J':
        o->json = true;
        return true;
    case 'P':
        o->is_page_only = true;
        return true;
    default:
        return false;
    }
}

static bool take(struct options *o, int option, char *value)
{
    switch (option) {
    case 'c':
        return take_source(o, "--config", &o->source.config, value);
    case 'l':
        return take_source(o, "--location", &o->source.location, value);
    case 'd':
        return take_source(o, "--plugin-dir", &o->source.plugin_dir, value);
    case 'p':
        return take_source(o, "--plugin", &o->source.plugin, value);
    case 's':
        return add_setting(o, value);
    case 'f':
        return add_word(&o->families, value);
    case 'r':
        return add_word(&o->rules, value);
    case 't':
        return add_word(&o->tests, value);
    case 'C':
        return add_word(&o->compare, value);
    case 'H':
        o->html = value;
        return true;
    case 'N':
        o->name = value;
        return true;
    case 'S':
        o->has_seed = true;
        return read_number(value, UINT64_MAX, &o->seed);
    case 'j':
        return read_count(value, JOBS_MAX, &o->jobs);
    case 'n':
        return read_count(value, REPEAT_MAX, &o->repeat);
    case 'o':
        return read_count(value, 24 * 3600, &o->timeout_s);
    default:
        return take_flag(o, option);
    }
}

static bool is_sound(const struct options *o)
{
    if (o->tap && o->json)
        return refuse("one of the two", "--tap, --json");
    if (o->list && (o->tap || o->html != NULL))
        return refuse("it runs nothing, and prints text or JSON", "--list");
    if (o->compare.n > 0 && o->html == NULL)
        return refuse("it needs --html FILE", "--compare");
    if (o->is_page_only && (o->html == NULL || o->compare.n == 0 || o->tap || o->json))
        return refuse("it takes --html, --compare and no more", "--page-only");
    return true;
}

/* A family, rule or test that does not exist is a mistake, not an empty run. */
static bool words_match(const struct options *o)
{
    const struct words *kinds[] = {&o->families, &o->rules, &o->tests};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < kinds[kind]->n; i++) {
            struct options one = {0};
            struct words *words[] = {&one.families, &one.rules, &one.tests};
            bool found = false;
            (void)add_word(words[kind], kinds[kind]->word[i]); /* the first one has room */
            for (const struct family *const *f = suite_families; *f != NULL; f++)
                for (size_t t = 0; t < (*f)->n; t++)
                    found |= options_select(&one, *f, &(*f)->tests[t]);
            if (!found)
                return refuse("no test has this family, rule or name", kinds[kind]->word[i]);
        }
    }
    return true;
}

bool options_read(struct options *o, int argc, char **argv, bool *is_done)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"location", required_argument, NULL, 'l'},
                                          {"plugin-dir", required_argument, NULL, 'd'},
                                          {"plugin", required_argument, NULL, 'p'},
                                          {"set", required_argument, NULL, 's'},
                                          {"family", required_argument, NULL, 'f'},
                                          {"rule", required_argument, NULL, 'r'},
                                          {"test", required_argument, NULL, 't'},
                                          {"own-store", no_argument, NULL, 'O'},
                                          {"list", no_argument, NULL, 'L'},
                                          {"tap", no_argument, NULL, 'T'},
                                          {"json", no_argument, NULL, 'J'},
                                          {"html", required_argument, NULL, 'H'},
                                          {"compare", required_argument, NULL, 'C'},
                                          {"page-only", no_argument, NULL, 'P'},
                                          {"name", required_argument, NULL, 'N'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"repeat", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"timeout", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.timeout_s = 60, .jobs = 1, .repeat = 1};
    o->source.set = o->set;
    *is_done = false;
    (void)snprintf(o->how_to_run, sizeof o->how_to_run, "regstore-conformance");
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            *is_done = true;
            return true;
        }
        if (!take(o, option, optarg)) {
            (void)fputs(usage, stderr);
            return false;
        }
    }
    if (optind < argc) {
        (void)fputs(usage, stderr);
        return refuse("not an option", argv[optind]);
    }
    return words_match(o) && is_sound(o);
}

static bool has_word(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++)
        if (strcmp(words->word[i], word) == 0)
            return true;
    return false;
}

bool options_select(const struct options *o, const struct family *family, const struct test *test)
{
    char name[256];
    bool bears = o->rules.n == 0;
    (void)snprintf(name, sizeof name, "%s/%s", family->name, test->claim);
    for (size_t i = 0; i < o->rules.n; i++)
        bears |= suite_test_bears(test, o->rules.word[i]);
    return bears && (o->families.n == 0 || has_word(&o->families, family->name)) &&
           (o->tests.n == 0 || has_word(&o->tests, name) || has_word(&o->tests, test->claim));
}
