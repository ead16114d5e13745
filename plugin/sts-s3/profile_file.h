/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files ~/.aws/config and ~/.aws/credentials: sections and what stands in them, read as AWS's
 * SDKs read them.  Sections of one name are one, and the last value of a key counts.  A line that
 * is neither a section nor a key with a value is an error and not passed over: it may be the one
 * that says who we are.  Pure.
 */
#ifndef STSS3_PROFILE_FILE_H
#define STSS3_PROFILE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define STSS3_PROFILE_BYTES_MAX (1u << 20)
#define STSS3_PROFILE_NAME_MAX  256 /* with the NUL */

/* The two files name their sections differently. */
enum stss3_profile_kind {
    STSS3_PROFILE_CONFIG,      /* [default] and [profile NAME]; [profile default] goes first */
    STSS3_PROFILE_CREDENTIALS, /* [NAME] */
};

/* What is wanted of a profile.  The value replaces what *text held; a key that is not there leaves
 * it as it was, one with an empty value empties it. */
struct stss3_profile_field {
    const char *name; /* in lower case: keys are compared without regard to case */
    struct plug_buf *text;
};

struct stss3_profile_found {
    bool is_there; /* a section of this name, whatever is in it */
    unsigned line; /* of what is wrong; 0: of the file as a whole */
};

/*
 * Takes the fields of one profile out of a file's text.  NULL, or what is wrong, as words that
 * continue "the file ..." and never quote it: the secrets of other profiles stand there too.  Lines
 * that are indented go on with the value of the line above (a line break between them); below a key
 * of another kind of section, or an empty value, they are settings of a service and passed over.
 */
const char *stss3_profile_pick(const char *text, size_t len, enum stss3_profile_kind kind,
                               const char *profile, struct stss3_profile_field *fields, size_t n,
                               struct stss3_profile_found *found);

/*
 * A command line as its words: separated by blanks; '...' as it stands; inside "..." and outside a
 * backslash makes the next character mean itself (inside "..." only for '"' and '\').  No shell:
 * nothing is expanded.  Appends each word with a NUL behind it and counts them.  False: a quote or
 * a backslash has no end, or there is no word.
 */
bool stss3_words_split(const char *line, struct plug_buf *words, size_t *count);

#endif
