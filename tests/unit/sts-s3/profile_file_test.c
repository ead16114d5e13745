/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "profile_file.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

struct taken {
    struct plug_buf key, secret, process;
    struct stss3_profile_found found;
    const char *wrong;
};

static void take(struct taken *t, const char *text, enum stss3_profile_kind kind,
                 const char *profile)
{
    *t = (struct taken){.wrong = NULL};
    struct stss3_profile_field fields[] = {{"aws_access_key_id", &t->key},
                                           {"aws_secret_access_key", &t->secret},
                                           {"credential_process", &t->process}};
    t->wrong = stss3_profile_pick(text, strlen(text), kind, profile, fields, 3, &t->found);
}

static void drop(struct taken *t)
{
    plug_buf_wipe(&t->key);
    plug_buf_wipe(&t->secret);
    plug_buf_wipe(&t->process);
}

/* One profile of a file, as "key/secret/process", or "-" when it is not there. */
static const struct {
    const char *claim, *text;
    enum stss3_profile_kind kind;
    const char *profile, *wanted;
} files[] = {
    {"a section of its name in the credentials file",
     "[a]\naws_access_key_id = A\naws_secret_access_key=S\n[b]\naws_access_key_id=B\n",
     STSS3_PROFILE_CREDENTIALS, "a", "A/S/"},
    {"nothing of another one", "[a]\naws_access_key_id=A\n[b]\naws_secret_access_key=S\n",
     STSS3_PROFILE_CREDENTIALS, "b", "/S/"},
    {"not there", "[a]\naws_access_key_id=A\n", STSS3_PROFILE_CREDENTIALS, "A", "-"},
    {"there, and empty", "[a]\n", STSS3_PROFILE_CREDENTIALS, "a", "//"},
    {"the config file has a prefix", "[profile a]\naws_access_key_id=A\n", STSS3_PROFILE_CONFIG,
     "a", "A//"},
    {"the config file without it", "[a]\naws_access_key_id=A\n", STSS3_PROFILE_CONFIG, "a", "-"},
    {"the credentials file with it", "[profile a]\naws_access_key_id=A\n",
     STSS3_PROFILE_CREDENTIALS, "a", "-"},
    {"default has none", "[default]\naws_access_key_id=A\n", STSS3_PROFILE_CONFIG, "default",
     "A//"},
    {"default may have one, which counts more, before",
     "[profile default]\naws_access_key_id=A\n[default]\naws_access_key_id=B\n"
     "aws_secret_access_key=T\n",
     STSS3_PROFILE_CONFIG, "default", "A//"},
    {"default may have one, which counts more, behind",
     "[default]\naws_access_key_id=B\naws_secret_access_key=T\n[profile default]\n"
     "aws_access_key_id=A\n",
     STSS3_PROFILE_CONFIG, "default", "A//"},
    {"blanks, quotes and comments around a name",
     "[ profile  \"my own\" ] ; mine\naws_access_key_id=A\n", STSS3_PROFILE_CONFIG, "my own",
     "A//"},
    {"another kind of section", "[sso-session a]\naws_access_key_id=A\n", STSS3_PROFILE_CONFIG, "a",
     "-"},
    {"comments, blank lines, CR",
     "# x\r\n; y\r\n\r\n[a]\r\n  # indented\r\naws_access_key_id = A # mine\r\n"
     "aws_secret_access_key = S;#/+= ; mine\r\n",
     STSS3_PROFILE_CREDENTIALS, "a", "A/S;#/+=/"},
    {"keys in any case", "[a]\nAWS_Access_Key_ID=A\n", STSS3_PROFILE_CREDENTIALS, "a", "A//"},
    {"the last value counts", "[a]\naws_access_key_id=A\naws_access_key_id=B\n",
     STSS3_PROFILE_CREDENTIALS, "a", "B//"},
    {"a section in two pieces", "[a]\naws_access_key_id=A\n[b]\n[a]\naws_secret_access_key=S\n",
     STSS3_PROFILE_CREDENTIALS, "a", "A/S/"},
    {"a value that goes on", "[profile a]\ncredential_process = run\n   it \n\tnow # x\n",
     STSS3_PROFILE_CONFIG, "a", "//run\nit\nnow"},
    {"settings of a service below a key",
     "[profile a]\ns3 =\n  aws_access_key_id = no\n  credential_process = no\n"
     "aws_access_key_id = A\n",
     STSS3_PROFILE_CONFIG, "a", "A//"},
    {"what is below an empty value", "[profile a]\ncredential_process =\n  x = y\n",
     STSS3_PROFILE_CONFIG, "a", "//"},
    {"an empty value", "[profile a]\naws_access_key_id =\n", STSS3_PROFILE_CONFIG, "a", "//"},
    {"a value with '='", "[a]\naws_secret_access_key=a==b=\n", STSS3_PROFILE_CREDENTIALS, "a",
     "/a==b=/"},
    {"no line break at the end", "[a]\naws_access_key_id=A", STSS3_PROFILE_CREDENTIALS, "a", "A//"},
    {"an empty file", "", STSS3_PROFILE_CONFIG, "default", "-"},
};

START_TEST(profile_is_read_as_the_sdks_read_it)
{
    struct taken t;
    struct plug_buf seen = {0};
    take(&t, files[_i].text, files[_i].kind, files[_i].profile);
    ck_assert_msg(t.wrong == NULL, "%s: %s", files[_i].claim, t.wrong);
    if (t.found.is_there)
        plug_buf_printf(&seen, "%s/%s/%s", plug_buf_text(&t.key), plug_buf_text(&t.secret),
                        plug_buf_text(&t.process));
    else
        plug_buf_str(&seen, "-");
    ck_assert_msg(strcmp(plug_buf_text(&seen), files[_i].wanted) == 0, "%s: %s", files[_i].claim,
                  plug_buf_text(&seen));
    plug_buf_clear(&seen);
    drop(&t);
}
END_TEST

static const struct {
    const char *text, *words;
    unsigned line;
} wrong_ones[] = {
    {"[a\nx=y\n", "']'", 1},
    {"[a]\n\n[b] c\n", "behind", 3},
    {"[]\n", "without a name", 1},
    {"x=y\n[a]\n", "before its first", 1},
    {"[a]\nsecret\n", "neither", 2},
    {"[b]\nsecret\n", "neither", 2},
    {"[a]\n = secret\n", "belongs to no key", 2},
    {"[a]\n= secret\n", "without a key", 2},
    {"[a]\nx=1\n[b]\n  more\n", "belongs to no key", 4},
};

START_TEST(file_that_cannot_be_understood_is_refused_with_its_line)
{
    struct taken t;
    take(&t, wrong_ones[_i].text, STSS3_PROFILE_CREDENTIALS, "a");
    ck_assert_msg(t.wrong != NULL, "taken: %s", wrong_ones[_i].text);
    ck_assert_msg(strstr(t.wrong, wrong_ones[_i].words) != NULL, "%s", t.wrong);
    ck_assert_ptr_null(strstr(t.wrong, "secret"));
    ck_assert_uint_eq(t.found.line, wrong_ones[_i].line);
    drop(&t);
}
END_TEST

START_TEST(zero_byte_and_size_are_refused)
{
    static const char zero[] = "[a]\naws_access_key_id=A\0B\n";
    struct plug_buf text = {0}, long_text = {0};
    struct stss3_profile_field field = {"aws_access_key_id", &text};
    struct stss3_profile_found found;
    ck_assert_ptr_nonnull(stss3_profile_pick(zero, sizeof zero - 1, STSS3_PROFILE_CREDENTIALS, "a",
                                             &field, 1, &found));
    while (long_text.len <= STSS3_PROFILE_BYTES_MAX)
        plug_buf_str(&long_text, "# a comment that does not end\n");
    ck_assert_ptr_nonnull(stss3_profile_pick(long_text.data, long_text.len, STSS3_PROFILE_CONFIG,
                                             "a", &field, 1, &found));
    ck_assert_ptr_null(stss3_profile_pick(long_text.data, STSS3_PROFILE_BYTES_MAX,
                                          STSS3_PROFILE_CONFIG, "a", &field, 1, &found));
    plug_buf_clear(&text);
    plug_buf_clear(&long_text);
}
END_TEST

/* NULL: refused.  Words are told apart by '|'. */
static const struct {
    const char *line, *words;
} lines[] = {
    {"/usr/bin/prog", "/usr/bin/prog"},
    {"  prog\t--a  'b c'\n \"d e\" ", "prog|--a|b c|d e"},
    {"prog a\\ b", "prog|a b"},
    {"prog \"a\\\"b\\\\c\\n\"", "prog|a\"b\\c\\n"},
    {"prog 'a\\'", "prog|a\\"},
    {"prog \"\" ''", "prog||"},
    {"prog a\"b\"'c'd", "prog|abcd"},
    {"prog $HOME `id` $(id) * ~ ; x && y > z", "prog|$HOME|`id`|$(id)|*|~|;|x|&&|y|>|z"},
    {"", NULL},
    {" \t", NULL},
    {"prog 'a", NULL},
    {"prog \"a", NULL},
    {"prog \"a\\", NULL},
    {"prog a\\", NULL},
};

START_TEST(line_is_split_into_words_and_nothing_is_expanded)
{
    struct plug_buf words = {0};
    size_t count = 0, seen = 0;
    const bool is_split = stss3_words_split(lines[_i].line, &words, &count);
    ck_assert_int_eq(is_split, lines[_i].words != NULL);
    for (size_t i = 0; i + 1 < words.len; i++) {
        seen += words.data[i] == '\0';
        if (words.data[i] == '\0')
            words.data[i] = '|';
    }
    if (is_split) {
        ck_assert_str_eq(words.data, lines[_i].words);
        ck_assert_uint_eq(count, seen + 1);
    }
    plug_buf_clear(&words);
}
END_TEST

Suite *profile_file_suite(void)
{
    Suite *suite = suite_create("profile_file");
    TCase *c = tcase_create("profile_file");
    tcase_add_loop_test(c, profile_is_read_as_the_sdks_read_it, 0, COUNT(files));
    tcase_add_loop_test(c, file_that_cannot_be_understood_is_refused_with_its_line, 0,
                        COUNT(wrong_ones));
    tcase_add_test(c, zero_byte_and_size_are_refused);
    tcase_add_loop_test(c, line_is_split_into_words_and_nothing_is_expanded, 0, COUNT(lines));
    suite_add_tcase(suite, c);
    return suite;
}
