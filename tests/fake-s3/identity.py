#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who we are, by each road there is: identity.py ENV, of a server that run.sh has given a provider of
web identities (oidc.pem beside ENV) and the roles source-role and node-role, with --control. REGSTORE
is the command. Prints TAP."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import beside
from beside import Container, Instance, arn, mint
from claims import run
from command import Run, door, read_env, until

ENV = read_env(sys.argv[1])
ENDPOINT = ENV["FAKE_S3_ENDPOINT"]
KEYS = (ENV["FAKE_S3_USER_ACCESS_KEY"], ENV["FAKE_S3_USER_SECRET_KEY"])
ISSUER = "https://oidc.example/id/1"
OIDC = os.path.join(os.path.dirname(sys.argv[1]), "oidc.pem")
SCRATCH = tempfile.TemporaryDirectory()
FOLDER = SCRATCH.name
HOME = os.path.join(FOLDER, "home")
PIECE = os.urandom(1 << 20)
STAND_INS = []
for name in list(os.environ):
    if name.startswith("AWS_") or name.lower().endswith("_proxy"):
        del os.environ[name]


def ask(method, verb, **words):
    return door(ENDPOINT, method, verb, **words)


def count(what):
    both = ask("GET", "counts") + ask("GET", "refusals")
    return int(dict(line.split() for line in both.splitlines()).get(what, 0))


def write(path, text, mode=0o600):
    path = os.path.join(FOLDER, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, mode)) as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def configure(role=ENV["FAKE_S3_ROLE_ARN"], **settings):
    """A location without keys; a setting that is None is left out."""
    settings = {"sts_role_arn": role, "s3_bucket": ENV["FAKE_S3_BUCKET"],
                "s3_region": ENV["FAKE_S3_REGION"], "storage_path": "/datastorage",
                "endpoint_url": ENDPOINT, "sts_endpoint_url": ENDPOINT, **settings}
    lines = "".join(f"      {key}: {value}\n" for key, value in settings.items() if value is not None)
    return write("config.yaml", "DISTRIBUTED_STORAGE_CONFIG:\n  s3:\n    - STSS3Storage\n    - "
                 + lines.lstrip())


def start(*words, stdin=None, config=None, **environment):
    environment = {"HOME": HOME, "AWS_EC2_METADATA_DISABLED": "true", **environment}
    return Run(config or configure(), "--verbose", *words, folder=FOLDER, stdin=stdin, **environment)


def regstore(*words, status=0, **more):
    command = start(*words, **more)
    said = command.end(status).decode()
    return said, command.complaints()


def works(source, **more):
    """A blob goes in and comes back, and both log and check name the source."""
    path = write("blob", "a blob of " + source)
    digest = hashlib.sha256(("a blob of " + source).encode()).hexdigest()
    key = f"sha256/{digest[:2]}/{digest}"
    _, complaints = regstore("put", path, **more)
    told = [line for line in complaints.replace('"', "").splitlines() if "credentials source=" in line]
    assert told == [f"regstore: info: credentials source={source}"], complaints
    regstore("rm", key, **more)
    said, _ = regstore("check", **more)
    assert "[FAIL]" not in said and f"from: {source}" in said, said
    return complaints


def fails(words, status=1, **more):
    said, complaints = regstore("check", status=status, **more)
    for word in [words] if isinstance(words, str) else words:
        assert word in said + complaints, (word, said, complaints)
    return said + complaints


def environment_of(session):
    return {"AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"]}


def user():
    return {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}


def stand_in(kind, **more):
    STAND_INS.append(kind(**more))
    return STAND_INS[-1]


def web_identity(life_s=900, path="token", **claims):
    return write(path, beside.token(OIDC, ISSUER, life_s, **claims) + "\n", 0o644)


def irsa(path, role="example-role"):
    return {"AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": arn(role)}


def process(body):
    """A program that hands out sessions, and the profile that runs it."""
    path = write("process", "#!/bin/sh\n" + body, 0o700)
    write("home/.aws/config", f"[default]\ncredential_process = '{path}' --for 'the registry'\n")
    return path


def minting_process():
    """It counts its runs by the lines of a file, and mints as a platform does."""
    runs = os.path.join(FOLDER, "runs")
    process(f"""echo run >>'{runs}'
[ "$#" = 2 ] && [ "$2" = 'the registry' ] || exit 9
exec python3 -c 'import sys, json; sys.path.insert(0, "{os.path.dirname(os.path.abspath(__file__))}")
import beside
print(json.dumps(dict(beside.mint("node-role"), Version=1)))' '{sys.argv[1]}'
""")
    write("runs", "")
    return lambda: open(runs, encoding="utf-8").read().count("run")


# Each source.

def keys_of_the_environment_assume_the_role():
    works("environment", **user())
    assert count("AssumeRole") > 0


def session_of_the_environment_assumes_the_role():
    works("environment", **environment_of(mint("node-role")))


def session_of_the_environment_goes_to_s3_as_it_is_without_a_role():
    before = environment_of(mint("node-role"))
    ask("DELETE", "counts")
    works("environment", config=configure(role=None), **before)
    assert count("AssumeRole") == 0


def half_of_the_environments_keys_is_an_error_and_no_reason_to_look_further():
    write("home/.aws/credentials", "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % KEYS)
    fails("AWS_SECRET_ACCESS_KEY (environment) is missing", status=2, AWS_ACCESS_KEY_ID=KEYS[0])
    fails("AWS_ACCESS_KEY_ID (environment) is missing", status=2, AWS_SECRET_ACCESS_KEY=KEYS[1])


def without_any_source_it_is_told_where_was_looked():
    fails(["no credentials", "sts_user_access_key", "AWS_ACCESS_KEY_ID",
           "AWS_WEB_IDENTITY_TOKEN_FILE", os.path.join(HOME, ".aws/config"),
           "AWS_CONTAINER_CREDENTIALS_", "AWS_EC2_METADATA_DISABLED"])


def settings_go_before_the_environment():
    works("settings", config=configure(sts_user_access_key=KEYS[0], sts_user_secret_key=KEYS[1]),
          AWS_ACCESS_KEY_ID=ENV["FAKE_S3_STRANGER_ACCESS_KEY"],
          AWS_SECRET_ACCESS_KEY=ENV["FAKE_S3_STRANGER_SECRET_KEY"])


def web_identity_of_the_environment_becomes_the_role():
    works("web identity", config=configure(role=None), **irsa(web_identity()))
    assert count("AssumeRoleWithWebIdentity") > 0 and count("AssumeRole") == 0


def web_identity_of_the_settings_goes_before_keys():
    config = configure(sts_web_identity_token_file=web_identity(), sts_user_access_key="AKIASTRANGER",
                       sts_user_secret_key="none")
    works("web identity", config=config, **irsa("/nowhere", "node-role"))
    assert count("AssumeRole") == 0


def web_identity_of_another_role_assumes_the_role():
    works("web identity", **irsa(web_identity(), "node-role"))
    assert count("AssumeRoleWithWebIdentity") == count("AssumeRole") > 0


def token_file_that_is_missing_is_named_and_nobody_else_is_asked():
    write("home/.aws/credentials", "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % KEYS)
    for path, words in (("/nowhere/token", "cannot be opened"), (FOLDER, "is no regular file"),
                        (write("empty", "\n"), "is empty")):
        fails(["AWS_WEB_IDENTITY_TOKEN_FILE", path, words], **irsa(path))
    assert count("AssumeRole") == count("AssumeRoleWithWebIdentity") == 0


def token_that_is_not_trusted_is_refused_with_what_to_look_at():
    for claims in ({"sub": "system:serviceaccount:other:registry"}, {"aud": "other"}):
        said = fails(["AccessDenied", "trust policy", "Federated Principal"],
                     **irsa(web_identity(**claims)))
        assert "sts_user_access_key" not in said.split("[FAIL]")[1], said


def expired_token_is_read_anew_and_tried_again():
    path = web_identity(-10)
    ask("POST", "fault", op="AssumeRoleWithWebIdentity", skip=1, do="stall", ms=4000)
    command = start("ls", **irsa(path))
    until(lambda: count("AssumeRoleWithWebIdentity") == 2, "a second try")
    web_identity(path="token.new")
    os.replace(os.path.join(FOLDER, "token.new"), path)
    command.end()
    assert count("AssumeRoleWithWebIdentity") == 3 and count("ExpiredTokenException") == 2


def expired_token_that_stays_is_no_loop():
    fails("ExpiredTokenException", **irsa(web_identity(-10)))
    assert count("AssumeRoleWithWebIdentity") == 3


def provider_that_is_not_known_yet_is_tried_a_few_times():
    ask("POST", "fault", op="AssumeRoleWithWebIdentity", times=2, do="error", status=400,
        code="InvalidIdentityToken")
    regstore("ls", **irsa(web_identity()))
    assert count("AssumeRoleWithWebIdentity") == 3
    ask("POST", "fault", op="AssumeRoleWithWebIdentity", times=0, do="error", status=400,
        code="InvalidIdentityToken")
    fails("InvalidIdentityToken", **irsa(web_identity()))
    assert count("AssumeRoleWithWebIdentity") == 6


def provider_that_does_not_answer_the_service_is_tried_again_and_one_that_refuses_is_not():
    ask("POST", "fault", op="AssumeRoleWithWebIdentity", times=4, do="error", status=400,
        code="IDPCommunicationError")
    regstore("ls", **irsa(web_identity()))
    assert count("AssumeRoleWithWebIdentity") == 5
    ask("POST", "fault", op="AssumeRoleWithWebIdentity", times=0, do="error", status=403,
        code="IDPRejectedClaim")
    fails("IDPRejectedClaim", **irsa(web_identity()))
    assert count("AssumeRoleWithWebIdentity") == 6


# Profile files.

def profile_with_keys():
    write("home/.aws/credentials", "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % KEYS)
    works("profile default")
    other = write("other", "[mine]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % KEYS)
    works("profile mine", AWS_PROFILE="mine", AWS_SHARED_CREDENTIALS_FILE=other)
    works("profile mine", config=configure(sts_profile="mine"), AWS_SHARED_CREDENTIALS_FILE=other,
          AWS_PROFILE="default", AWS_ACCESS_KEY_ID="AKIASTRANGER", AWS_SECRET_ACCESS_KEY="none")


def profile_that_assumes_roles():
    write("home/.aws/credentials", "[user]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % KEYS)
    write("home/.aws/config", f"""[default]
role_arn = {arn("example-role")}
source_profile = between
[profile between]
role_arn = {arn("source-role")}
source_profile = user
role_session_name = between
""")
    works("profile default", config=configure(role=None))
    ask("DELETE", "counts")
    works("profile default")  # The profile's role is the settings' role: not assumed twice.
    assert count("AssumeRole") == 2 * 3, ask("GET", "counts")


def profile_with_a_web_identity_and_one_of_the_container():
    write("home/.aws/config", f"""[profile token]
role_arn = {arn("node-role")}
web_identity_token_file = {web_identity()}
[profile ecs]
role_arn = {arn("example-role")}
credential_source = EcsContainer
[profile env]
role_arn = {arn("example-role")}
credential_source = Environment
""")
    works("profile token: web identity", AWS_PROFILE="token")
    container = stand_in(Container)
    works("profile ecs: container", config=configure(role=None), AWS_PROFILE="ecs",
          AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/v1/credentials?of=me")
    works("profile env: environment", config=configure(role=None, sts_profile="env"), **user())


def profiles_that_cannot_be_meant_are_named():
    path = write("home/.aws/config", f"""[profile a]
role_arn = {arn("x")}
source_profile = b
[profile b]
role_arn = {arn("x")}
source_profile = a
[profile half]
aws_access_key_id = AKIA
[profile region]
region = eu-west-1
[profile person]
sso_session = x
""")
    for profile, words in (("a", "leads back to a"), ("half", "aws_secret_access_key"),
                           ("person", "credential_process"),
                           ("none", f"there is no profile 'none' in {path}")):
        fails([words], AWS_PROFILE=profile)
    fails("says nothing about credentials", config=configure(sts_profile="region"))
    write("home/.aws/config", "[default]\nsecret\n")
    assert "secret" not in fails([path, "line 2"]).split("[FAIL]")[1].split("->")[0]
    assert count("AssumeRole") == 0


def file_that_was_named_must_be_there():
    fails(["AWS_CONFIG_FILE", "/nowhere"], AWS_CONFIG_FILE="/nowhere")


# A program.

def program_hands_out_credentials():
    runs = minting_process()
    works("profile default: credential_process")
    assert runs() == 3  # Once for each command.


def program_that_fails_is_told_without_a_word_of_what_it_wrote():
    secrets = '{"Version": 1, "AccessKeyId": "AKIAHIDDEN", "SecretAccessKey": "hidden"'
    for body, words in (
            ("exit 3", "exit status 3"), ("kill -9 $$", "signal 9"), ("true", "wrote nothing"),
            (f"echo '{secrets}'", "ends early"), (f"echo 'hidden {secrets}}}'", "no JSON object"),
            (f"echo '{secrets}}}' >&2; exit 1", "exit status 1"),
            ('echo \'{"AccessKeyId": "AKIAHIDDEN", "SecretAccessKey": "hidden"}\'', "Version"),
            ('echo \'{"Version": 1, "AccessKeyId": "hid den", "SecretAccessKey": "hidden"}\'',
             "AccessKeyId")):
        process(body)
        said = fails(["credential_process", words])
        assert "hidden" not in said.lower() and "hid den" not in said, said
    write("home/.aws/config", "[default]\ncredential_process = /nowhere/program\n")
    fails("/nowhere/program cannot be run")


# Beside us.

def container_hands_out_credentials():
    container = stand_in(Container)
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/v1/credentials?of=me"}
    works("container", **uri)
    container.token = "open sesame"
    works("container", AWS_CONTAINER_AUTHORIZATION_TOKEN="open sesame", **uri)
    path = write("pod-token", "open sesame")
    works("container", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path, **uri)
    # No proxy lies between.
    works("container", AWS_CONTAINER_AUTHORIZATION_TOKEN="open sesame", http_proxy="http://127.0.0.1:1",
          NO_PROXY=ENDPOINT.split("//")[1], **uri)
    fails("AWS_CONTAINER_AUTHORIZATION_TOKEN (environment) has a line break", status=2,
          AWS_CONTAINER_AUTHORIZATION_TOKEN="a\r\nX-Evil: 1", **uri)
    write("pod-token", "a\r\nX-Evil: 1")
    fails([path, "line break"], AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path, **uri)
    assert all("X-Evil" not in headers for _, _, headers in container.asked)


def containers_answer_is_not_believed_when_it_is_none():
    container = stand_in(Container)
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/v1/credentials?of=me"}
    for instead, words in (((302, ""), "302"), ((404, ""), "404"), ((403, "hidden"), "403"),
                           ((200, '{"hidden":'), "ends early"), ((200, "[]"), "no JSON object"),
                           ((200, '{"Code": "Expired", "Message": "not now"}'), "Expired: not now"),
                           ((200, '{"AccessKeyId": "hidden"}'), "SecretAccessKey")):
        container.instead = instead
        said = fails(["ContainerCredentials", words], **uri)
        assert "hidden" not in said, said
    assert "GET /elsewhere" not in container.paths()


def container_on_a_strange_host_is_not_asked():
    for uri in ("http://169.254.170.3/x", "http://example.com/x", "http://127.0.0.1.example.com/x"):
        fails(["AWS_CONTAINER_CREDENTIALS_FULL_URI", "169.254.170.23"], status=2,
              AWS_CONTAINER_CREDENTIALS_FULL_URI=uri)
    fails("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", status=2,
          AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="@127.0.0.1/x")


def at(instance):
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url, "AWS_EC2_METADATA_DISABLED": "false"}


def instance_hands_out_credentials():
    instance = stand_in(Instance)
    works("instance metadata", **at(instance))
    assert instance.paths()[:3] == ["PUT /latest/api/token", "GET " + Instance.ROLES,
                                    "GET " + Instance.ROLES + "node-role"]


def instances_token_that_is_refused_is_replaced_once():
    instance = stand_in(Instance)
    instance.token_uses = 1
    fails("InstanceCredentials", **at(instance))
    assert instance.paths().count("PUT /latest/api/token") == 2


def instance_that_answers_wrongly_is_told_and_never_asked_without_a_token():
    for instead, words in (
            ({"PUT /latest/api/token": (404, "")}, "version 1 is never used"),
            ({"PUT /latest/api/token": (403, "")}, "403"),
            ({"GET " + Instance.ROLES: (404, "")}, "has no role"),
            ({"GET " + Instance.ROLES: (200, "a/../b\n")}, "names no role"),
            ({"GET " + Instance.ROLES + "node-role":
              (200, '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "hop"}')},
             "AssumeRoleUnauthorizedAccess: hop")):
        instance = stand_in(Instance)
        instance.instead = instead
        fails(["no credentials", words], **at(instance))
        assert all(headers.get("x-aws-ec2-metadata-token") for method, _, headers in instance.asked
                   if method == "GET")


def instance_that_does_not_answer_is_told_to_look_at_the_hop_limit():
    instance = stand_in(Instance)
    instance.hangs.set()
    fails(["hop limit", "HttpPutResponseHopLimit"], **at(instance))
    assert instance.paths() == 3 * ["PUT /latest/api/token"]


def credentials_that_have_ended_are_served_with_a_warning():
    """The service that mints is down, and hands out what it had."""
    instance = stand_in(Instance)
    old = {**mint("node-role"), "Expiration": "2026-01-01T00:00:00Z", "Code": "Success"}
    instance.instead = {"GET " + Instance.ROLES + "node-role": (200, json.dumps(old))}
    _, complaints = regstore("ls", **at(instance))
    assert "credentials_overdue" in complaints, complaints
    assert instance.paths().count("PUT /latest/api/token") == 1


# Roles.

def roles_are_chained():
    config = configure(sts_source_role_arn=arn("source-role"))
    said = works("environment", config=config, **user())
    assert "assumed-role/source-role/quay" in said and "assumed-role/example-role/quay" in said
    assert count("AssumeRole") == 2 * 3
    fails(["'sts_duration_seconds'", "3600"], status=2,
          config=configure(sts_source_role_arn=arn("source-role"), sts_duration_seconds=3601), **user())


def duration_above_the_roles_maximum_is_asked_for_once():
    _, complaints = regstore("ls", config=configure(sts_duration_seconds=7200), **user())
    assert "session_shortened" in complaints and "seconds=7200" in complaints, complaints
    assert count("AssumeRole") == 2 and count("ValidationError") == 1


def policy_names_who_assumes_the_role_and_nobody_for_a_token():
    said, _ = regstore("policy", config=configure(sts_source_role_arn=arn("source-role")), **user())
    assert "assumed-role/source-role/quay" in said and "s3:PutObject" in said, said
    said, _ = regstore("policy", config=configure(role=None), **irsa(web_identity()))
    assert "Principal" not in said and "s3:PutObject" in said, said


# Sessions that end while a push goes on.

class Push:
    def __init__(self, **more):
        self.run = start("put", "-", "pushed", stdin=subprocess.PIPE, **more)
        self.sha256 = hashlib.sha256()

    def feed(self):
        piece = self.sha256.digest() + PIECE
        self.run.write(piece)
        self.sha256.update(piece)

    def end(self, **more):
        self.run.end()
        got = start("get", "pushed", **more).end()
        assert hashlib.sha256(got).hexdigest() == self.sha256.hexdigest(), "other bytes came back"
        start("rm", "pushed", **more).end()


def outlives(times, how_often, **more):
    ask("POST", "session", life_ms=3000)
    push = Push(**more)
    until(lambda: how_often() >= times, f"{times} times", step=push.feed)
    parts = count("UploadPart")
    until(lambda: count("UploadPart") > parts + 1, "parts after that", step=push.feed)
    assert count("CreateMultipartUpload") == 1
    push.end(**more)


def push_outlives_sessions_of_a_web_identity_whose_token_is_swapped():
    """As kubelet does it: a link to a folder, replaced by another one."""
    def swap(number):
        web_identity(900, f"projected/{number}/token")
        os.symlink(str(number), os.path.join(FOLDER, "projected/next"))
        os.replace(os.path.join(FOLDER, "projected/next"), os.path.join(FOLDER, "projected/data"))

    web_identity(900, "projected/0/token")
    os.symlink("0", os.path.join(FOLDER, "projected/data"))
    ask("POST", "session", life_ms=3000)
    more = irsa(os.path.join(FOLDER, "projected/data/token"))
    push = Push(**more)
    for number in range(1, 4):
        until(lambda: count("AssumeRoleWithWebIdentity") >= number, "a session", step=push.feed)
        swap(number)
        for file in os.listdir(os.path.join(FOLDER, "projected", str(number - 1))):
            os.remove(os.path.join(FOLDER, "projected", str(number - 1), file))
    until(lambda: count("AssumeRoleWithWebIdentity") >= 4, "a session", step=push.feed)
    push.end(**more)
    assert count("CreateMultipartUpload") == 1


def push_outlives_sessions_of_a_program():
    outlives(4, minting_process())


def push_outlives_sessions_of_a_container():
    container = stand_in(Container)
    outlives(4, lambda: len(container.asked),
             AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/v1/credentials?of=me")


def push_outlives_sessions_of_an_instance():
    instance = stand_in(Instance)
    outlives(4, lambda: instance.paths().count("PUT /latest/api/token"), **at(instance))


def push_outlives_sessions_of_chained_roles():
    outlives(8, lambda: count("AssumeRole"), config=configure(sts_source_role_arn=arn("source-role")),
             **user())


def forget():
    ask("DELETE", "fault")
    ask("DELETE", "counts")
    ask("POST", "session", life_ms=0)
    for name in ("config", "credentials"):
        if os.path.exists(os.path.join(HOME, ".aws", name)):
            os.remove(os.path.join(HOME, ".aws", name))
    while STAND_INS:
        STAND_INS.pop().stop()


if __name__ == "__main__":
    os.makedirs(HOME)
    forget()
    run([
        keys_of_the_environment_assume_the_role,
        session_of_the_environment_assumes_the_role,
        half_of_the_environments_keys_is_an_error_and_no_reason_to_look_further,
        without_any_source_it_is_told_where_was_looked,
        settings_go_before_the_environment,
        web_identity_of_the_environment_becomes_the_role,
        web_identity_of_the_settings_goes_before_keys,
        web_identity_of_another_role_assumes_the_role,
        token_file_that_is_missing_is_named_and_nobody_else_is_asked,
        token_that_is_not_trusted_is_refused_with_what_to_look_at,
        expired_token_is_read_anew_and_tried_again,
        expired_token_that_stays_is_no_loop,
        provider_that_is_not_known_yet_is_tried_a_few_times,
        provider_that_does_not_answer_the_service_is_tried_again_and_one_that_refuses_is_not,
        profile_with_keys,
        profile_that_assumes_roles,
        profile_with_a_web_identity_and_one_of_the_container,
        profiles_that_cannot_be_meant_are_named,
        file_that_was_named_must_be_there,
        program_hands_out_credentials,
        program_that_fails_is_told_without_a_word_of_what_it_wrote,
        container_hands_out_credentials,
        containers_answer_is_not_believed_when_it_is_none,
        container_on_a_strange_host_is_not_asked,
        instance_hands_out_credentials,
        instances_token_that_is_refused_is_replaced_once,
        instance_that_answers_wrongly_is_told_and_never_asked_without_a_token,
        instance_that_does_not_answer_is_told_to_look_at_the_hop_limit,
        credentials_that_have_ended_are_served_with_a_warning,
        roles_are_chained,
        duration_above_the_roles_maximum_is_asked_for_once,
        policy_names_who_assumes_the_role_and_nobody_for_a_token,
        push_outlives_sessions_of_a_web_identity_whose_token_is_swapped,
        push_outlives_sessions_of_a_program,
        push_outlives_sessions_of_a_container,
        push_outlives_sessions_of_an_instance,
        push_outlives_sessions_of_chained_roles,
    ], between=forget)
