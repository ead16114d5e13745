/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands: each prints its result, or what is wrong, and returns an EXIT_ status. The session is
 * open, but for inspect and conformance; the number of arguments has been checked.
 */
#ifndef COMMAND_COMMANDS_H
#define COMMAND_COMMANDS_H

#include "session.h"

int cmd_inspect(struct session *session, const struct options *options);
int cmd_check(struct session *session, const struct options *options);
int cmd_policy(struct session *session, const struct options *options);
int cmd_put(struct session *session, const struct options *options);
int cmd_get(struct session *session, const struct options *options);
int cmd_stat(struct session *session, const struct options *options);
int cmd_ls(struct session *session, const struct options *options);
int cmd_rm(struct session *session, const struct options *options);
int cmd_cp(struct session *session, const struct options *options);
int cmd_purge(struct session *session, const struct options *options);
int cmd_upload_begin(struct session *session, const struct options *options);
int cmd_upload_append(struct session *session, const struct options *options);
int cmd_upload_status(struct session *session, const struct options *options);
int cmd_upload_commit(struct session *session, const struct options *options);
int cmd_upload_abort(struct session *session, const struct options *options);

/* Its own arguments are argv after the command's name; they are not parsed here. */
int cmd_conformance(const struct options *options, int argc, char **argv);

#endif
