/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which plugin, which settings, which tests. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: regstore-conformance [--config FILE] [--location NAME] [--plugin-dir DIR]\n"
    "                            [--plugin NAME|FILE.so] [--set KEY=VALUE]...\n"
    "                            [--family NAME]... [--rule RULE]... [--test FAMILY/CLAIM]...\n"
    "                            [--own-store] [--list] [--tap] [--seed N]\n"
    "                            [--timeout SECONDS_PER_TEST]\n"
    "\n"
    "Runs the conformance tests against a plugin, under a fresh prefix of keys that is removed\n"
    "again. The plugin and its settings come from a location of config.yaml, or from --plugin and\n"
    "--set. --own-store says that nobody else has uploads under storage_path: then purge is tried\n"
    "in earnest, and ends all that are unfinished there. Without it those tests are skipped.\n"
    "Exit status: 0 all that ran has passed, 1 something failed or nothing ran (all was skipped),\n"
    "2 usage or configuration.\n";

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

static void quote(struct options *o, const char *option, const char *value, const char *tail)
{
    const size_t len = strlen(o->how_to_run);
    /* Cut when very long: it is for people. */
    (void)snprintf(o->how_to_run + len, sizeof o->how_to_run - len, " %s %s%s", option, value,
                   tail);
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

static bool take(struct options *o, int option, char *value)
{
    uint64_t number = 0;
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
    case 'S':
        o->has_seed = true;
        return read_number(value, UINT64_MAX, &o->seed);
    case 'o':
        if (!read_number(value, 24 * 3600, &number) || number == 0)
            return false;
        o->timeout_s = (unsigned)number;
        return true;
    default:
        return false;
    }
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
                                          {"seed", required_argument, NULL, 'S'},
                                          {"timeout", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.timeout_s = 60};
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
    return words_match(o);
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
